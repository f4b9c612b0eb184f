import { availableParallelism } from 'node:os';

/** Threads that kernels run on: `--threads`, else all cores. */
export function threadsOf({ threads }: { readonly threads?: number | undefined }): number {
  return threads ?? availableParallelism();
}
