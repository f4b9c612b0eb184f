import { formatCount } from '../format.js';
import type { RunSettings, RunSummary } from '../summary.js';
import { type Html, html } from './markup.js';

type Line = readonly [name: string, value: string];

/** What was run, on what. */
export function settingsTable(settings: RunSettings | undefined, runs: readonly RunSummary[]): Html {
  const lines = [...(settings ? settingLines(settings) : []), ...modelLines(runs[0]), ...optionLines(settings)];
  return html`<table class="settings">
    <caption>What was trained, and where</caption>
    <tbody>${lines.map(([name, value]) => html`<tr><th scope="row">${name}</th><td>${value}</td></tr>`)}</tbody>
  </table>`;
}

/** The run in one line, for below the headline. */
export function settingsLine(settings: RunSettings | undefined, { model, steps }: RunSummary): string {
  const parts = [`${model.name}, ${formatCount(model.parameters)} parameters`, `${formatCount(steps)} steps`];
  if (settings) {
    parts[1] += ` of ${formatCount(tokensPerStep(settings))} tokens`;
    parts.push(`${settings.engine} engine, ${settings.threads} ${settings.threads === 1 ? 'thread' : 'threads'}`);
  }
  return parts.join(' · ');
}

function tokensPerStep({ batch, accumulate = 1, sequenceLength }: RunSettings): number {
  return batch * accumulate * sequenceLength;
}

function settingLines(settings: RunSettings): Line[] {
  const { batch, accumulate = 1, sequenceLength, instructionSet, machine } = settings;
  const micro = accumulate > 1 ? ` × ${accumulate} micro-batches` : '';
  return [
    ['model', `${settings.model}, ${settings.parameters.toLocaleString('en-US')} parameters`],
    ['data', settings.data],
    ['batch', `${batch} sequences × ${sequenceLength} tokens${micro}`],
    ['steps', settings.steps.toLocaleString('en-US')],
    ['threads', `${settings.threads}`],
    ['engine', instructionSet ? `${settings.engine}, ${instructionSet}` : settings.engine],
    ...(machine ? [['machine', machine] as const] : []),
  ];
}

function modelLines({ model }: RunSummary): Line[] {
  return (
    [
      ['layers', model.layers],
      ['width', model.hiddenSize],
      ['MLP width', model.intermediateSize],
      ['heads', model.heads],
      ['key/value heads', model.keyValueHeads],
      ['vocabulary', model.vocabSize],
    ] as const
  ).flatMap(([name, value]): Line[] => (value === undefined ? [] : [[name, formatCount(value)]]));
}

function optionLines(settings: RunSettings | undefined): Line[] {
  return Object.entries(settings?.options ?? {}).map(([name, value]): Line => [name, `${value ?? 'none'}`]);
}
