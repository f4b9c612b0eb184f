import { runSwatch } from '../charts/legend.js';
import { formatBytes, formatChange, formatCount, formatLoss, signed } from '../format.js';
import { type RunStyle, runStyles } from '../palette.js';
import { isFiniteNumber } from '../series.js';
import type { RunSummary } from '../summary.js';
import { type Html, html } from './markup.js';

/** The three figures that matter most, one card per run. */
export function runCards(runs: readonly RunSummary[]): Html {
  const styles = runStyles(runs.length);
  return html`<ul class="cards">${runs.map((run, index) => runCard(run, styles[index], index > 0, runs[0]))}</ul>`;
}

function runCard(run: RunSummary, style: RunStyle, other: boolean, reference: RunSummary): Html {
  const { memory, valLoss, loss, tokensPerSecond } = run;
  const [lossName, own, first] =
    valLoss === undefined ? ['training loss', loss, reference.loss] : ['validation loss', valLoss, reference.valLoss];
  const memoryChange = other && formatChange(memory.measured.peak / reference.memory.measured.peak);
  const lossChange = other && isFiniteNumber(own) && isFiniteNumber(first) && signed(own - first, 3);
  const speedChange = other && formatChange(tokensPerSecond / reference.tokensPerSecond);
  return html`<li style="--run:${style.color}">
    <p class="name">${runSwatch(style, 'marker')}<span>${run.name}</span></p>
    <p class="big">${formatBytes(memory.measured.peak)}<small>peak${memoryChange && `, ${memoryChange}`}</small></p>
    <dl>
      <dt>${lossName}</dt><dd>${formatLoss(own)}</dd><dd class="change">${lossChange}</dd>
      <dt>tokens/s</dt><dd>${formatCount(tokensPerSecond)}</dd><dd class="change">${speedChange}</dd>
      <dt>saved activations</dt><dd>${formatBytes(memory.savedPeak)}</dd><dd class="change">${
        other && formatChange(memory.savedPeak / reference.memory.savedPeak)
      }</dd>
    </dl>
  </li>`;
}
