import { formatBytes, formatCount, formatDuration, formatLoss, formatScore } from './format.js';
import { isFiniteNumber } from './series.js';
import type { CompareSummary, RunSummary } from './summary.js';

/**
 * What the comparison shows, in one sentence: the run with the lowest measured peak against the first run. It says so when
 * memory, loss or speed are worse.
 */
export function compareHeadline({ runs }: CompareSummary): string {
  const [reference, ...others] = runs;
  const [first] = others;
  if (!first) return runHeadline(reference);
  const subject = others.reduce(
    (least, run) => (run.memory.measured.peak < least.memory.measured.peak ? run : least),
    first,
  );
  return compareSentence(subject, reference);
}

/** The same sentence for each further run, without the one in the headline. */
export function otherSentences(summary: CompareSummary): readonly string[] {
  const [reference, ...others] = summary.runs;
  const headline = compareHeadline(summary);
  return others.map((run) => compareSentence(run, reference)).filter((sentence) => sentence !== headline);
}

/** One run measured against another, all three of memory, loss and speed. */
export function compareSentence(run: RunSummary, reference: RunSummary): string {
  const memory = memoryPhrase(run.memory.measured.peak / reference.memory.measured.peak);
  const speed = speedPhrase(run.tokensPerSecond / reference.tokensPerSecond);
  return `${run.name} trains with ${memory} ${reference.name} at ${lossPhrase(run, reference)}, ${speed}.`;
}

/** What one run did. */
export function runHeadline(run: RunSummary): string {
  const loss =
    run.valLoss === undefined
      ? `final training loss ${formatLoss(run.loss)}`
      : `validation loss ${formatLoss(run.valLoss)}`;
  const score =
    run.scores && `${run.scores.metric} ${formatScore(run.scores.best.value)} after step ${run.scores.best.step}`;
  const work = `${formatCount(run.steps)} ${run.steps === 1 ? 'step' : 'steps'} on ${formatCount(run.tokens)} tokens`;
  const peak = formatBytes(run.memory.measured.peak);
  return `${run.name}: ${work} in ${formatDuration(run.seconds)}, ${score ?? loss}, at most ${peak} of memory.`;
}

function memoryPhrase(ratio: number): string {
  if (!Number.isFinite(ratio)) return 'memory that cannot be compared with';
  const percent = Math.abs(ratio - 1) * 100;
  if (percent < 0.5) return 'as much memory as';
  return `${percent.toFixed(0)} % ${ratio < 1 ? 'less' : 'more'} memory than`;
}

function lossPhrase(run: RunSummary, reference: RunSummary): string {
  const measured = run.valLoss !== undefined && reference.valLoss !== undefined;
  const name = measured ? 'validation loss' : 'final training loss';
  const [own, other] = measured ? [run.valLoss, reference.valLoss] : [run.loss, reference.loss];
  if (!isFiniteNumber(own)) return `a ${name} that is not a number`;
  if (!isFiniteNumber(other)) return `a ${name} of ${formatLoss(own)} (${reference.name}: not a number)`;
  const difference = own - other;
  const size = Math.abs(difference);
  if (size < 0.0005) return `the same ${name}`;
  return `a ${name} ${size.toFixed(size < 0.00995 ? 3 : 2)} ${difference < 0 ? 'lower' : 'higher'}`;
}

function speedPhrase(ratio: number): string {
  if (!Number.isFinite(ratio) || ratio <= 0) return 'at a speed that cannot be compared';
  if (Math.abs(ratio - 1) < 0.015) return 'equally fast';
  return `${ratio.toFixed(ratio < 0.995 || ratio < 1.0995 ? 2 : 1)} times as fast`;
}
