// What a measured process speaks: its first argument is the workload; it says {"ready": settings} once warm, answers each line
// "step" with {"seconds": s} and perhaps the machine's "peak", and "end" with {"memory": …}. Processes stay alive between steps, so that rounds interleave.
import { createInterface } from 'node:readline';

/**
 * @typedef {object} Workload One training step: the same model, batch and length for everybody.
 * @property {number} hidden
 * @property {number} mlp
 * @property {number} layers
 * @property {number} heads
 * @property {number} vocab
 * @property {number} batch
 * @property {number} seq
 * @property {'f32' | 'bf16'} dtype
 * @property {number} threads
 *
 * @typedef {object} Participant
 * @property {Record<string, unknown>} settings printed beside its numbers
 * @property {() => Promise<void>} step
 * @property {() => Record<string, number>} memory bytes
 * @property {() => number} [peak] GFLOP/s that multiply-adds alone reach now on as many threads, asked after each step
 */

/** @param {(workload: Workload, options: Record<string, string>) => Promise<Participant>} open */
export async function serve(open) {
  const [workload, options] = process.argv.slice(2).map((text) => JSON.parse(text));
  const { settings, step, memory, peak } = await open(workload, options ?? {});
  await step();
  say({ ready: settings });
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === 'end') break;
    const started = performance.now();
    await step();
    const seconds = (performance.now() - started) / 1000;
    say({ seconds, peak: peak?.() });
  }
  say({ memory: { peakRss: process.resourceUsage().maxRSS * 1024, ...memory() } });
  process.exit(0);
}

/** @param {unknown} message */
function say(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
