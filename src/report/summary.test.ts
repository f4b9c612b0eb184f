import { describe, expect, it } from 'vitest';
import { InputError } from '../engine/index.js';
import { parseCompareSummary, parseRunSummary } from './summary.js';
import { exampleComparison, exampleSingleRun } from './testing/example.js';

const copy = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe('summaries', () => {
  it('come back from a file as they were', () => {
    const comparison = exampleComparison();
    expect(parseCompareSummary(copy(comparison), 'summary.json')).toEqual(comparison);
    const run = exampleSingleRun();
    expect(parseRunSummary(copy(run), 'summary.json')).toEqual(run);
  });

  it('need no more than the figures of the command line and a name', () => {
    const { name, model, methods, steps, tokens, loss, seconds, tokensPerSecond, memory, losses } = exampleSingleRun();
    const least = { name, model, methods, steps, tokens, loss, seconds, tokensPerSecond, memory, losses };
    expect(parseRunSummary(copy(least), 'summary.json')).toEqual(least);
  });

  it('keep losses that were not a number, as null', () => {
    const run = { ...exampleSingleRun(), loss: Number.NaN, valLoss: Number.NaN };
    expect(parseRunSummary(run, 'here').valLoss).toBeNaN();
    const read = parseRunSummary(copy(run), 'summary.json');
    expect(read.loss).toBeNull();
    expect(read.valLoss).toBeNull();
  });

  it.each([
    ['a field of another type', { steps: '500' }, 'steps: Invalid input: expected number, received string'],
    ['a negative size', { memory: { ...exampleSingleRun().memory, savedPeak: -1 } }, 'memory.savedPeak: '],
    ['an unknown field', { colour: 'red' }, 'Unrecognized key: "colour"'],
    ['series of different length', { stepSeconds: [1, 2] }, 'stepSeconds: 2 values for 500 losses'],
    ['a plan that is none', { plan: { version: 7 } }, 'plan: plan: version'],
    [
      'an unknown role',
      { memory: { ...exampleSingleRun().memory, predicted: { peak: 1, byRole: { soul: 1 } } } },
      'memory.predicted.byRole',
    ],
  ])('refuse %s and name it', (_, change, message) => {
    const read = () => parseRunSummary({ ...exampleSingleRun(), ...change }, 'runs/a/summary.json');
    expect(read).toThrow(InputError);
    expect(read).toThrow(`runs/a/summary.json: `);
    expect(read).toThrow(message);
  });

  it.each([null, 7, [], {}, { title: 'x', settings: exampleComparison().settings, runs: [] }])(
    'refuse %j as a comparison',
    (json) => expect(() => parseCompareSummary(json, 'summary.json')).toThrow(InputError),
  );
});
