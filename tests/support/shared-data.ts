import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../../../shared/data');

/** A file of the real data that is kept beside the checkout, not in it. */
export function sharedData(path: string): string {
  return join(root, path);
}

/** Whether tests on real data have to be skipped, and a title that then says why. */
export const noSharedData = !existsSync(root);
export const onSharedData = (title: string): string => (noSharedData ? `${title} (skipped: no ${root} here)` : title);
