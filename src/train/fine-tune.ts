import type { Score, ScoreBoard } from './score-board.js';
import type { StepReport } from './step-report.js';
import type { Trainer } from './trainer.js';

export interface FineTuneOptions {
  /** What is measured, with the weights as they are. */
  readonly evaluate: () => Promise<Omit<Score, 'step'>>;
  /** Evaluate after every so many steps, and after the last. */
  readonly evaluateEvery: number;
  /** Stop after so many evaluations without a better one; left out: never before the last step. */
  readonly patience?: number | undefined;
  /** Called when an evaluation is the best so far, with its weights in place. */
  readonly onBest: (score: Score) => Promise<void>;
  /** Where checkpoints go; one is written after each evaluation. */
  readonly directory: string;
}

/** A step report with what was measured after the step. */
export interface FineTuneReport extends StepReport {
  readonly score?: Score;
  /** Whether that is the best so far. */
  readonly best?: boolean;
}

/**
 * Trains with evaluations in between, keeping the best weights, and stops when nothing gets better. The best weights, the
 * report and the checkpoint follow an evaluation in this order, so that a run that was killed in between repeats it.
 *
 * @param board with the scores of earlier sessions
 * @param signal stops after the step at hand, with a checkpoint
 */
export async function* fineTune(
  trainer: Trainer,
  board: ScoreBoard,
  options: FineTuneOptions,
  signal?: AbortSignal,
): AsyncGenerator<FineTuneReport, void, void> {
  const { evaluate, evaluateEvery, patience = Number.POSITIVE_INFINITY, onBest, directory } = options;
  while (trainer.step < trainer.steps && board.sinceBest < patience) {
    const report = await trainer.advance();
    const due = report.step === report.steps || report.step % evaluateEvery === 0;
    if (due && !signal?.aborted) {
      const score = { step: report.step, ...(await evaluate()) };
      const best = board.add(score);
      if (best) await onBest(score);
      yield { ...report, score, best, validationLoss: score.loss };
      await trainer.save(directory);
    } else yield report;
    if (!signal?.aborted) continue;
    if (!due) await trainer.save(directory);
    return;
  }
}
