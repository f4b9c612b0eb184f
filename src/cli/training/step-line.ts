import { type LedgerReading, roles } from '../../engine/index.js';
import { formatBytes, formatCount, formatDuration, formatLoss, roleStyles } from '../../report/index.js';
import type { StepReport } from '../../train/index.js';

/** Steps that the shown pace is averaged over. */
const paceSteps = 20;

/** Turns step reports into the line that a person watches. */
export class StepLine {
  readonly #prefix: string;
  readonly #recent: { readonly seconds: number; readonly tokens: number }[] = [];
  #validationLoss: number | undefined;
  #tokens: number;

  /**
   * @param name shown in front, where several runs follow each other
   * @param tokens predicted before the first report
   */
  constructor(name: string | undefined, tokens: number) {
    this.#prefix = name === undefined ? '' : `${name}: `;
    this.#tokens = tokens;
  }

  add({ seconds, tokens, validationLoss }: StepReport): void {
    this.#recent.push({ seconds, tokens: tokens - this.#tokens });
    this.#tokens = tokens;
    if (this.#recent.length > paceSteps) this.#recent.shift();
    this.#validationLoss = validationLoss ?? this.#validationLoss;
  }

  /** Step, loss, learning rate, tokens per second, time to go. */
  text({ step, steps, loss, learningRate }: StepReport): string {
    const seconds = this.#recent.reduce((sum, recent) => sum + recent.seconds, 0);
    const tokens = this.#recent.reduce((sum, recent) => sum + recent.tokens, 0);
    const left = ((steps - step) * seconds) / Math.max(this.#recent.length, 1);
    const validation = this.#validationLoss === undefined ? '' : ` (validation ${formatLoss(this.#validationLoss)})`;
    return [
      `${this.#prefix}step ${step}/${steps}`,
      `loss ${formatLoss(loss)}${validation}`,
      `lr ${formatRate(learningRate)}`,
      `${formatCount(tokens / seconds)} tokens/s`,
      step === steps ? 'done' : `${formatDuration(left)} to go`,
    ].join(' · ');
  }
}

/** `peak 512 MiB: weights 120 MiB, …`, largest first. */
export function memoryText({ peak, byRole }: Pick<LedgerReading, 'peak' | 'byRole'>): string {
  const parts = roles
    .filter((role) => byRole[role] > 0)
    .sort((a, b) => byRole[b] - byRole[a])
    .map((role) => `${roleStyles[role].label} ${formatBytes(byRole[role])}`);
  return `peak ${formatBytes(peak)}: ${parts.join(', ')}`;
}

/** `1.25e-3`. */
export function formatRate(rate: number): string {
  return rate === 0 ? '0' : rate.toExponential(2).replace(/\.?0+e/, 'e');
}
