import { runSwatch } from '../charts/legend.js';
import { runStyles } from '../palette.js';
import type { RunSummary } from '../summary.js';
import { type Html, html } from './markup.js';

/** What each trained model wrote; the prompt in bold. Nothing when no run has a text. */
export function stories(runs: readonly RunSummary[]): Html | undefined {
  const styles = runStyles(runs.length);
  const told = runs.flatMap(({ name, story }, index) => (story ? [{ name, story, index }] : []));
  if (told.length === 0) return undefined;
  return html`<div class="stories">${told.map(
    ({ name, story, index }) => html`
    <article>
      ${runs.length > 1 && html`<h3>${runSwatch(styles[index], 'marker')}<span>${name}</span></h3>`}
      <blockquote style="--run:${styles[index].color}"><q>${story.prompt}</q>${story.text}</blockquote>
    </article>`,
  )}</div>`;
}
