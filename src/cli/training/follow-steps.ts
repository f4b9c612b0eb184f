import type { StepReport } from '../../train/index.js';
import type { Output } from '../output.js';
import { Progress } from '../progress.js';
import type { Metric, MetricsLog } from './metrics-log.js';
import { memoryText, StepLine } from './step-line.js';

export interface FollowOptions<R> {
  /** Shown in front of the line, where several runs follow each other. */
  readonly name?: string | undefined;
  /** Metrics of the evaluation after a step, where there was one. */
  readonly metricsOf?: (report: R) => Metric['metrics'];
}

/** Takes all steps of a run: a line in `metrics.jsonl` for each, and the line of progress. */
export async function followSteps<R extends StepReport>(
  reports: AsyncIterable<R>,
  log: MetricsLog,
  output: Output,
  { name, metricsOf }: FollowOptions<R> = {},
): Promise<void> {
  using progress = new Progress(output);
  const line = new StepLine(name, log.metrics.at(-1)?.tokens ?? 0);
  const text = (report: R) =>
    progress.live ? `${line.text(report)}\n${memoryText(report.memory)}` : line.text(report);
  let last: R | undefined;
  for await (const report of reports) {
    log.add(report, metricsOf?.(report));
    line.add(report);
    last = report;
    progress.show(() => text(report));
  }
  if (last) {
    const report = last;
    progress.finish(() => text(report));
  }
}
