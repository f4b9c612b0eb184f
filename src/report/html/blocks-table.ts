import { roleSwatch } from '../charts/legend.js';
import { formatBytes } from '../format.js';
import { roleStyles } from '../palette.js';
import type { RunSummary } from '../summary.js';
import { type Html, html } from './markup.js';

const mostBlocks = 15;

/** The largest blocks that are live at the peak. Nothing where they were not recorded. */
export function blocksTable({ largestBlocks = [] }: RunSummary): Html | undefined {
  const blocks = largestBlocks.slice(0, mostBlocks);
  if (blocks.length === 0) return undefined;
  const largest = Math.max(1, ...blocks.map(({ bytes }) => bytes));
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Table of the largest blocks">
    <table class="blocks">
      <caption>Live at the predicted peak, largest first</caption>
      <thead><tr><th scope="col">block</th><th scope="col">role</th><th scope="col">size</th><th class="bar" scope="col">compared</th></tr></thead>
      <tbody>${blocks.map(
        ({ name, role, bytes }) => html`
        <tr><th scope="row"><code>${name}</code></th><td>${roleSwatch(role)} ${roleStyles[role].label}</td><td>${formatBytes(bytes)}</td><td class="bar"><span class="share" style="width:${((100 * bytes) / largest).toFixed(1)}%;background:${roleStyles[role].fill}"></span></td></tr>`,
      )}
      </tbody>
    </table>
  </div>`;
}
