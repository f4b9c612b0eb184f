import { type Content, type Html, html, raw } from './markup.js';
import { styleSheet } from './style.js';

export interface Page {
  /** Title of the document. */
  readonly title: string;
  /** Small line above the headline. */
  readonly eyebrow: string;
  readonly headline: string;
  /** Below the headline. */
  readonly introduction: Content;
  readonly body: Content;
}

/** One self-contained document: no request leaves it, and it needs no script. */
export function renderPage({ title, eyebrow, headline, introduction, body }: Page): string {
  return `${html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${raw(styleSheet)}</style>
</head>
<body>
<header>
<p class="eyebrow">${eyebrow}</p>
<h1>${unbroken(headline)}</h1>
${introduction}
</header>
<main>
${body}
</main>
<footer><p class="muted">Made by compact-llm. The figures are also in summary.json beside this file.</p></footer>
</body>
</html>
`}`;
}

/** A number and its sign stay on one line. */
function unbroken(text: string): string {
  return text.replaceAll(' %', '\u00a0%');
}

/** A titled part of a page; nothing when there is nothing in it. */
export function section(title: string | undefined, content: Content): Html | undefined {
  if (content === undefined || content === false || content === '') return undefined;
  return html`<section>${title && html`<h2>${title}</h2>`}${content}</section>`;
}
