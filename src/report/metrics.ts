import { z } from 'zod';
import { InputError } from '../engine/index.js';
import type { RunSummary } from './summary.js';

/** The fields of a step report that a report needs; lines may hold more. */
const metric = z.object({
  step: z.number().int().positive(),
  loss: z.number().nullable(),
  learningRate: z.number(),
  seconds: z.number().nonnegative(),
  validationLoss: z.number().nullish(),
});
type Metric = z.infer<typeof metric>;

/**
 * The summary with the steps of `metrics.jsonl` in place of its own, where the file tells of more steps: a resumed run
 * knows only its last session, the file all of them. Steps that were trained again after a kill count once, the last time.
 * A line that a kill cut off is ignored, also when a resumed run wrote on behind it.
 *
 * @param where file name for messages
 * @throws InputError naming line and field
 */
export function withMetrics(summary: RunSummary, jsonLines: string, where: string): RunSummary {
  const steps = contiguousEnd(readMetrics(jsonLines, where).filter(({ step }) => step <= summary.steps));
  if (steps.length <= summary.losses.length) return summary;
  return {
    ...summary,
    firstStep: steps[0].step,
    losses: steps.map(({ loss }) => loss),
    learningRates: steps.map(({ learningRate }) => learningRate),
    stepSeconds: steps.map(({ seconds }) => seconds),
    validation: steps.flatMap(({ step, validationLoss }) =>
      validationLoss === undefined ? [] : [{ step, loss: validationLoss }],
    ),
  };
}

function readMetrics(jsonLines: string, where: string): readonly Metric[] {
  const byStep = new Map<number, Metric>();
  for (const [index, line] of jsonLines.split('\n').entries()) {
    if (line.trim() === '') continue;
    const json = parseLine(line) ?? parseLine(line.slice(line.lastIndexOf('{"step"')));
    if (json === undefined && line.startsWith('{')) continue;
    const parsed = metric.safeParse(json);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      const field = issue?.path.join('.') || 'line';
      throw new InputError(`${where}:${index + 1}: ${field}: ${json === undefined ? 'not JSON' : issue?.message}`);
    }
    byStep.set(parsed.data.step, parsed.data);
  }
  return [...byStep.values()].sort((a, b) => a.step - b.step);
}

/** The steps without a gap up to the last one. */
function contiguousEnd(metrics: readonly Metric[]): readonly Metric[] {
  let start = metrics.length - 1;
  while (start > 0 && metrics[start - 1].step === metrics[start].step - 1) start -= 1;
  return metrics.slice(Math.max(start, 0));
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
