import { CompactError, InputError } from '../errors.js';
import type { SpillDevice, SpillOptions } from '../spill.js';
import { byteLength } from '../tensor.js';
import type { NativeAddon, NativeHandle } from './addon.js';
import { byteOffset } from './kernels.js';

/** Bytes that a trial writes to learn the speed of a directory. */
const trialBytes = 2 ** 25;

/** A transfer failed at work. */
class OffloadError extends CompactError {
  constructor(message: string) {
    super(message, { code: 'OFFLOAD', exitCode: 1 });
  }
}

/**
 * An unnamed file in a directory, with a thread of its own in C++.
 *
 * @throws InputError where the directory cannot be written, has no room for all bytes, or is slower than asked for
 */
export function openNativeSpill(addon: NativeAddon, handle: NativeHandle, options: SpillOptions): SpillDevice {
  const { directory, bytes, bandwidth } = options;
  if (directory === undefined) {
    throw new InputError('the plan offloads tensors, but no directory for them is given', 'add --offload-dir <dir>');
  }
  try {
    addon.spillOpen(handle, directory, bytes);
  } catch (error) {
    throw refusal(options, error);
  }
  if (bandwidth !== undefined) {
    const measured = addon.spillProbe(handle, Math.min(bytes, trialBytes));
    if (measured < bandwidth) {
      addon.spillClose(handle);
      const rate = (perSecond: number) => `${(perSecond / 1e6).toFixed(0)} MB/s`;
      throw new InputError(
        `${directory} takes ${rate(measured)}, slower than the ${rate(bandwidth)} that were assumed`,
        'offload to a faster disk, or lower --offload-bandwidth and wait for it',
      );
    }
  }
  const working = <T>(transfer: () => T): T => {
    try {
      return transfer();
    } catch (error) {
      throw new OffloadError(`offloading to ${directory} failed: ${error instanceof Error ? error.message : error}`);
    }
  };
  return {
    write: (tensor, at) =>
      working(() => addon.spillWrite(handle, byteOffset(tensor), byteLength(tensor.shape, tensor.dtype), at)),
    read: (tensor, at) =>
      working(() => addon.spillRead(handle, byteOffset(tensor), byteLength(tensor.shape, tensor.dtype), at)),
    wait: (transfer) => working(() => addon.spillWait(handle, transfer)),
    close: () => addon.spillClose(handle),
  };
}

function refusal({ directory, bytes }: SpillOptions, error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error;
  if (error.code === 'SPILL_FULL') {
    const mebibytes = Math.ceil(bytes / 2 ** 20);
    return new InputError(
      `${directory} has no room for the ${mebibytes} MiB to offload`,
      'free some, name another --offload-dir, or offload less',
    );
  }
  if (error.code === 'SPILL_DIRECTORY' || error.code === 'SPILL_FAILED') {
    return new InputError(
      `${directory} cannot be offloaded to: ${error.message}`,
      'name an existing directory that can be written',
    );
  }
  return error;
}
