import { formatScore } from '../format.js';
import type { ScoreSummary } from '../summary.js';
import { type Html, html } from './markup.js';

/** What each evaluation of a fine-tuning found, the best one marked. */
export function evaluationsTable(scores: ScoreSummary | undefined): Html | undefined {
  if (!scores) return undefined;
  const names = Object.keys(scores.evaluations[0]?.metrics ?? {});
  const rows = scores.evaluations.map(
    ({ step, metrics }) =>
      html`<tr><th scope="row">${step}${step === scores.best.step ? ' (best)' : ''}</th>${names.map(
        (name) => html`<td>${formatScore(metrics[name] ?? Number.NaN)}</td>`,
      )}</tr>`,
  );
  return html`<table><thead><tr><th scope="col">step</th>${names.map(
    (name) => html`<th scope="col">${name}</th>`,
  )}</tr></thead><tbody>${rows}</tbody></table>`;
}
