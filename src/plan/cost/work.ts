import type { OpCall, OpName } from '../../engine/index.js';

/** Calls of one op with tensors of one kind, added up. */
export interface OpWork {
  readonly op: OpName;
  /** Whether tensors are stored in bf16, which has kernels of its own. */
  readonly bf16: boolean;
  readonly calls: number;
  /** Operations of matrix products. */
  readonly flops: number;
  /** Tensor bytes moved. */
  readonly bytes: number;
}

/** The ops of a program by kind; their order does not matter for its time. */
export type Work = readonly OpWork[];

/** Adds up the ops that an engine runs. */
export class WorkLog {
  readonly #byKind = new Map<string, { -readonly [K in keyof OpWork]: OpWork[K] }>();

  get work(): Work {
    return [...this.#byKind.values()].map((entry) => ({ ...entry }));
  }

  /** @param times how often the call comes */
  add({ op, bf16, flops, bytes }: OpCall, times = 1): void {
    const kind = kindOf({ op, bf16 });
    let entry = this.#byKind.get(kind);
    if (!entry) {
      entry = { op, bf16, calls: 0, flops: 0, bytes: 0 };
      this.#byKind.set(kind, entry);
    }
    entry.calls += times;
    entry.flops += times * flops;
    entry.bytes += times * bytes;
  }
}

/** What a rate is measured for: the op and its storage. */
export function kindOf({ op, bf16 }: Pick<OpWork, 'op' | 'bf16'>): string {
  return bf16 ? `${op}.bf16` : op;
}

/** Operations of all matrix products. */
export function totalFlops(work: Work): number {
  return work.reduce((sum, { flops }) => sum + flops, 0);
}
