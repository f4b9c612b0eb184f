import { roleSwatch } from '../charts/legend.js';
import { roleStyles, rolesInUse } from '../palette.js';
import type { RunSummary } from '../summary.js';
import { type Html, html } from './markup.js';

const terms: readonly (readonly [term: string, meaning: string])[] = [
  [
    'predicted',
    'Counted before training by running one step on an engine that computes nothing and only counts bytes.',
  ],
  ['measured', 'Counted by the ledger of the engine while it trained; every block is in it, to the byte.'],
  [
    'resident memory (RSS)',
    'What the operating system counts for the whole process: the engine, the program itself, its libraries.',
  ],
  ['validation loss', 'Mean loss on text that training never saw, in nats per token; lower is better.'],
];

/** What the words of the report mean: the roles that occur, and the ways of counting. */
export function glossary(runs: readonly RunSummary[]): Html {
  const used = rolesInUse(runs.flatMap(({ memory }) => [memory.measured.byRole, memory.predicted.byRole]));
  return html`<dl class="glossary">${used.map(
    (role) =>
      html`<div><dt>${roleSwatch(role)}<span>${roleStyles[role].label}</span></dt><dd>${roleStyles[role].meaning}</dd></div>`,
  )}${terms.map(([term, meaning]) => html`<div><dt>${term}</dt><dd>${meaning}</dd></div>`)}</dl>`;
}
