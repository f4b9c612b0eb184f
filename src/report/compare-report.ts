import { renderFigure } from './charts/figure.js';
import { lossFigure } from './charts/loss.js';
import { memoryFigure } from './charts/memory.js';
import { memoryTimeFigure } from './charts/memory-time.js';
import { compareHeadline, otherSentences } from './headline.js';
import { runCards } from './html/cards.js';
import { comparisonTable } from './html/comparison-table.js';
import { glossary } from './html/glossary.js';
import { type Html, html } from './html/markup.js';
import { renderPage, section } from './html/page.js';
import { settingsLine, settingsTable } from './html/settings.js';
import { stories } from './html/stories.js';
import type { CompareSummary } from './summary.js';

/** The comparison as one self-contained HTML document. */
export async function renderCompareReport(summary: CompareSummary): Promise<string> {
  const { title, settings, runs } = summary;
  const [memory, byTime, byStep, bySeconds] = await Promise.all(
    [memoryFigure(runs), memoryTimeFigure(runs), lossFigure(runs, 'step'), lossFigure(runs, 'seconds')].map(
      (figure) => figure && renderFigure(figure),
    ),
  );
  return renderPage({
    title,
    eyebrow: title,
    headline: compareHeadline(summary),
    introduction: html`${furtherSentences(summary)}
      <p class="muted">${settingsLine(settings, runs[0])}</p>`,
    body: [
      runCards(runs),
      section(undefined, memory),
      section(undefined, byTime),
      section(undefined, byStep && [byStep, bySeconds]),
      section('All figures', comparisonTable(runs)),
      section('What the models write', stories(runs)),
      section('Settings', settingsTable(settings, runs)),
      section('What the words mean', glossary(runs)),
    ],
  });
}

/** The cards below say the same in figures, so that many sentences are folded away. */
function furtherSentences(summary: CompareSummary): Html {
  const sentences = otherSentences(summary);
  const paragraphs = html`${sentences.map((sentence) => html`<p>${sentence}</p>`)}`;
  return sentences.length <= 3
    ? paragraphs
    : html`<details><summary>${sentences.length} more comparisons in words</summary>${paragraphs}</details>`;
}
