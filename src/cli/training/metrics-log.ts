import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { replaceFileWith, SaveError } from '../../models/index.js';
import { metricsFile } from '../../report/index.js';
import type { StepReport } from '../../train/index.js';

const line = z.object({
  step: z.number().int().positive(),
  loss: z.number(),
  learningRate: z.number(),
  tokens: z.number().int().nonnegative(),
  seconds: z.number().nonnegative(),
  validationLoss: z.number().optional(),
  /** Metrics of a fine-tuning's evaluation. */
  metrics: z.record(z.string(), z.number()).optional(),
});

/** What is kept of each step. */
export type Metric = z.infer<typeof line>;

/** `metrics.jsonl`: one line per completed step, over all sessions of a run. */
export class MetricsLog {
  readonly #path: string;
  readonly #metrics: Metric[];

  private constructor(path: string, metrics: Metric[]) {
    this.#path = path;
    this.#metrics = metrics;
  }

  /** Opens the log and drops what was written after the checkpoint that the run goes on from. */
  static async open(directory: string, completedSteps: number): Promise<MetricsLog> {
    const path = join(directory, metricsFile);
    const earlier = completedSteps === 0 ? [] : readMetrics(path).filter(({ step }) => step <= completedSteps);
    await replaceFileWith(path, earlier.map((metric) => `${JSON.stringify(metric)}\n`).join(''));
    return new MetricsLog(path, earlier);
  }

  /** All steps so far, those of earlier sessions included. */
  get metrics(): readonly Metric[] {
    return this.#metrics;
  }

  add(report: StepReport, metrics?: Metric['metrics']): void {
    const { step, loss, learningRate, tokens, seconds, validationLoss } = report;
    const metric = {
      step,
      loss,
      learningRate,
      tokens,
      seconds,
      ...(validationLoss !== undefined && { validationLoss }),
      ...(metrics && { metrics }),
    };
    this.#metrics.push(metric);
    try {
      appendFileSync(this.#path, `${JSON.stringify(metric)}\n`);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new SaveError(`${this.#path}: cannot be written: ${reason}`, 'the last checkpoint is intact', error);
    }
  }
}

/** The lines that are whole; a kill may have cut the last one. */
function readMetrics(path: string): Metric[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((text) => {
      const parsed = line.safeParse(parseJson(text));
      return parsed.success ? [parsed.data] : [];
    });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
