import { join } from 'node:path';
import { cacheKey, defaultCacheDirectory, prepareCache, readCacheRecord } from '../data/cache-directory.js';
import { openEngine } from '../engine/index.js';
import { replaceFileWith } from '../models/save-file.js';
import { calibrate, type KernelRates, kernelRatesSchema, recordedRates } from '../plan/index.js';
import { describeMachine, instructionSet } from './machine.js';

/** Raised when rates of an earlier program no longer mean the same. */
const ratesVersion = 2;

/** Rates that were measured on this machine with so many threads, else recorded ones. */
export async function knownRates(threads: number): Promise<KernelRates> {
  return (await readCacheRecord(cachePath(threads), kernelRatesSchema)) ?? recordedRates;
}

/** The same with the speed of the slower tier that is assumed. */
export async function ratesFor(
  { offloadBandwidth }: { readonly offloadBandwidth?: number | undefined },
  threads: number,
): Promise<KernelRates> {
  return { ...(await knownRates(threads)), ...(offloadBandwidth !== undefined && { offloadBandwidth }) };
}

/** Measures this machine's kernels and remembers their rates for later plans. */
export async function measureRates(threads: number): Promise<KernelRates> {
  using engine = await openEngine('native', { threads });
  const measured = { machine: machineName(threads), rates: await calibrate(engine) };
  await prepareCache(defaultCacheDirectory(), cacheName(threads));
  await replaceFileWith(cachePath(threads), `${JSON.stringify(measured, null, 2)}\n`);
  return measured;
}

function machineName(threads: number): string {
  return `${describeMachine()}, ${instructionSet('native') ?? 'no native engine'}, ${threads} threads`;
}

function cachePath(threads: number): string {
  return join(defaultCacheDirectory(), `${cacheName(threads)}.json`);
}

function cacheName(threads: number): string {
  return `rates-${cacheKey(ratesVersion, machineName(threads))}`;
}
