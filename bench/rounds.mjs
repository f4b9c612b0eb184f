// Interleaved rounds: every participant does one step in each, so that whatever else the machine does meets all alike.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';

/** Milliseconds without work before each step. */
const settling = 300;

/** A participant's process. */
class Racer {
  #child;
  #lines;
  #complaint = '';

  /** @param {import('./participants.mjs').Starter} starter @param {import('./protocol.mjs').Workload} workload */
  constructor(starter, workload) {
    const env = { ...process.env, ...starter.environment };
    for (const [name, value] of Object.entries(env)) if (value === undefined) delete env[name];
    const args = [...starter.args, JSON.stringify(workload), JSON.stringify(starter.options)];
    this.#child = spawn(starter.command, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stderr.on('data', (chunk) => {
      this.#complaint = `${this.#complaint}${chunk}`.slice(-2000);
    });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** The next message; throws what the process said when it died. */
  async hear() {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(this.#complaint.trim().split('\n').at(-1) || 'ended without a word');
    return JSON.parse(value);
  }

  /** @param {'step' | 'end'} word */
  ask(word) {
    this.#child.stdin.write(`${word}\n`);
    return this.hear();
  }

  async stop() {
    if (this.#child.exitCode !== null) return;
    this.#child.kill();
    await once(this.#child, 'close');
  }
}

/**
 * Runs the rounds.
 *
 * @param {readonly import('./participants.mjs').Starter[]} starters
 * @param {import('./protocol.mjs').Workload} workload
 * @param {number} rounds
 * @param {(text: string) => void} tell
 */
export async function race(starters, workload, rounds, tell) {
  const entries = [];
  try {
    for (const starter of starters) {
      const { name, missing } = starter;
      if (missing) {
        entries.push({ name, skipped: missing });
        continue;
      }
      tell(`starting ${name}`);
      const racer = new Racer(starter, workload);
      try {
        entries.push({ name, racer, settings: (await racer.hear()).ready, seconds: [], peaks: [] });
      } catch (error) {
        await racer.stop();
        entries.push({ name, skipped: error.message });
      }
    }
    const running = entries.filter(({ racer }) => racer);
    for (let round = 1; round <= rounds; round++) {
      // Each goes first in turn: the threads of some peers spin for a while after their step, and disturb who comes next.
      const first = (round - 1) % running.length;
      for (const { name, racer, seconds, peaks } of [...running.slice(first), ...running.slice(0, first)]) {
        tell(`round ${round} of ${rounds}: ${name}`);
        await setTimeout(settling);
        const { seconds: taken, peak } = await racer.ask('step');
        seconds.push(taken);
        if (peak) peaks.push(peak);
      }
    }
    for (const entry of running) entry.memory = (await entry.racer.ask('end')).memory;
  } finally {
    for (const { racer } of entries) await racer?.stop();
  }
  return entries.map(({ racer: _, ...entry }) => entry);
}
