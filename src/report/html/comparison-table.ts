import { runSwatch } from '../charts/legend.js';
import { comparisonRows } from '../comparison-rows.js';
import { runStyles } from '../palette.js';
import type { RunSummary } from '../summary.js';
import { type Html, html } from './markup.js';

/** All figures, one column per run; scrolls in its own box where the page is narrow. */
export function comparisonTable(runs: readonly RunSummary[]): Html {
  const styles = runStyles(runs.length);
  const caption =
    runs.length > 1
      ? `Small figures: compared with ${runs[0].name}.`
      : 'Bytes in binary units, losses in nats per token.';
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Table of all figures">
    <table>
      <caption>${caption}</caption>
      <thead><tr><th scope="col">figure</th>${runs.map(
        ({ name }, index) =>
          html`<th scope="col">${runs.length > 1 && runSwatch(styles[index], 'marker')} <span class="run-name">${name}</span></th>`,
      )}</tr></thead>
      <tbody>${comparisonRows(runs).map(
        ({ label, part, cells }) => html`
        <tr><th scope="row"${part && html` class="part"`}>${label}</th>${cells.map(
          ({ text, change }, index) =>
            html`<td>${text}${index > 0 && html` <span class="change">${change}</span>`}</td>`,
        )}</tr>`,
      )}
      </tbody>
    </table>
  </div>`;
}
