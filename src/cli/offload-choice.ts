import { InputError } from '../engine/errors.js';
import type { TrainerOptions } from '../train/index.js';
import type { OptionValues } from './option-table.js';
import type { offloadOptions } from './options.js';

/** Where offloaded tensors go; undefined where nothing is said. */
export function chooseOffload({
  offloadDir: directory,
  offloadBandwidth: bandwidth,
}: OptionValues<typeof offloadOptions>): TrainerOptions['offload'] {
  if (directory !== undefined) return { directory, bandwidth };
  if (bandwidth !== undefined) throw new InputError('--offload-bandwidth needs --offload-dir');
  return undefined;
}
