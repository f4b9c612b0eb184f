import type { Role } from '../../engine/index.js';
import { type Html, html, raw } from '../html/markup.js';
import { type MarkerShape, type RunStyle, roleStyles, runStyles } from '../palette.js';
import type { RunSummary } from '../summary.js';

const shapes: { readonly [S in MarkerShape]: string } = {
  circle: '<circle cx="14" cy="7" r="4.5"/>',
  rect: '<path d="M10 3h8v8h-8z"/>',
  triangle: '<path d="M14 2l5 9.5h-10z"/>',
  diamond: '<path d="M14 1.5l5 5.5l-5 5.5l-5-5.5z"/>',
};

/** Line and marker of a run, or the marker alone, as in the charts. */
export function runSwatch({ color, marker }: RunStyle, kind: 'line' | 'marker'): Html {
  const line = kind === 'line' ? '<path d="M0 7h28" stroke="currentColor" stroke-width="2.25"/>' : '';
  const box = kind === 'line' ? '0 0 28 14' : '7 0 14 14';
  return html`<svg class="swatch" viewBox="${box}" style="color:${color}" aria-hidden="true">${raw(line)}<g fill="currentColor">${raw(shapes[marker])}</g></svg>`;
}

/** Names of the runs beside their swatches. */
export function runLegend(runs: readonly RunSummary[], kind: 'line' | 'marker'): Html {
  const styles = runStyles(runs.length);
  return html`<ul class="legend">${runs.map(({ name }, index) => html`<li>${runSwatch(styles[index], kind)}<span>${name}</span></li>`)}</ul>`;
}

/** The square of a role's colour. */
export function roleSwatch(role: Role): Html {
  return html`<span class="square" style="background:${roleStyles[role].fill}" aria-hidden="true"></span>`;
}
