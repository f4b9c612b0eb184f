import { renderFigure } from './charts/figure.js';
import { learningRateFigure } from './charts/learning-rate.js';
import { lossFigure } from './charts/loss.js';
import { memoryFigure } from './charts/memory.js';
import { runHeadline } from './headline.js';
import { blocksTable } from './html/blocks-table.js';
import { comparisonTable } from './html/comparison-table.js';
import { evaluationsTable } from './html/evaluations.js';
import { glossary } from './html/glossary.js';
import { html } from './html/markup.js';
import { renderPage, section } from './html/page.js';
import { settingsLine, settingsTable } from './html/settings.js';
import { stories } from './html/stories.js';
import type { RunSummary } from './summary.js';

/** One run as one self-contained HTML document. */
export async function renderRunReport(summary: RunSummary): Promise<string> {
  const runs = [summary];
  const [memory, loss, learningRate] = await Promise.all(
    [memoryFigure(runs), lossFigure(runs, 'step'), learningRateFigure(summary)].map(
      (figure) => figure && renderFigure(figure),
    ),
  );
  return renderPage({
    title: `${summary.name}, ${summary.model.name}`,
    eyebrow: `${summary.name}, ${summary.model.name}`,
    headline: runHeadline(summary),
    introduction: html`<p class="muted">${settingsLine(summary.settings, summary)}</p>`,
    body: [
      section(undefined, loss && [loss, learningRate]),
      section(undefined, memory),
      section('Evaluations', evaluationsTable(summary.scores)),
      section('Largest blocks', blocksTable(summary)),
      section('All figures', comparisonTable(runs)),
      section('What the model writes', stories(runs)),
      section('Settings', settingsTable(summary.settings, runs)),
      section('Memory plan', planDetails(summary)),
      section('What the words mean', glossary(runs)),
    ],
  });
}

function planDetails({ plan, methods }: RunSummary) {
  if (!plan) return undefined;
  return html`<p>Made from: ${methods.join(', ')}. It says in what form each tensor that backward needs is kept.</p>
    <details><summary>The plan as JSON</summary><pre>${JSON.stringify(plan, null, 2)}</pre></details>`;
}
