import Table from 'cli-table3';
import { InputError } from '../../engine/index.js';
import type { BenchRatesValues } from '../command-options.js';
import { measureRates } from '../kernel-rates.js';
import type { Output } from '../output.js';
import { threadsOf } from '../threads.js';

/** `compact bench rates`. */
export async function benchRates(values: BenchRatesValues, output: Output): Promise<undefined> {
  if (values.engine !== 'native') throw new InputError('bench rates measures the native engine', 'leave out --engine');
  const measured = await measureRates(threadsOf(values));
  const table = new Table({
    head: ['op', 'GFLOP/s', 'GB/s'],
    colAligns: ['left', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  const giga = (seconds: number) => (seconds > 0 ? (1e-9 / seconds).toPrecision(3) : '–');
  for (const [kind, { perFlop, perByte }] of Object.entries(measured.rates)) {
    table.push([kind, giga(perFlop), giga(perByte)]);
  }
  output.say(`${measured.machine}\n${table}\nPlans are priced by these rates from now on.`);
  output.result(measured);
  return undefined;
}
