import { describe, expect, it } from 'vitest';
import { InputError } from '../engine/errors.js';
import { flagName } from '../plan/flag-name.js';
import { defaulted, defined, mergeOptions, optional, readOptions, required, toggle } from './option-table.js';
import { positive, positiveInteger, list as words } from './value-parsers.js';

const table = {
  model: required('<name>', 'the model', (text) => text),
  lr: optional('<rate>', 'the learning rate', positive),
  maxEvalWindows: defaulted('<n>', 'windows', positiveInteger, 8),
  data: optional('<paths>', 'files', words),
  resume: toggle('go on'),
};

const read = (commandLine: Record<string, unknown>, config: Record<string, unknown> = {}) =>
  readOptions(table, mergeOptions(table, commandLine, config));

describe('options', () => {
  it('have defaults', () => {
    expect(read({ model: 'x' })).toEqual({
      model: 'x',
      lr: undefined,
      maxEvalWindows: 8,
      data: undefined,
      resume: false,
    });
  });

  it('come from a config file in both spellings, and flags win', () => {
    const config = { model: 'file', 'max-eval-windows': 4, lr: 0.1, data: ['a', 'b'], resume: true };
    expect(read({ lr: '0.2' }, config)).toEqual({
      model: 'file',
      lr: 0.2,
      maxEvalWindows: 4,
      data: ['a', 'b'],
      resume: true,
    });
    expect(read({ maxEvalWindows: '5' }, { model: 'file', maxEvalWindows: 4 }).maxEvalWindows).toBe(5);
  });

  it('count as absent when a config file says null', () => {
    expect(read({ model: 'x' }, { maxEvalWindows: null, lr: null })).toMatchObject({
      maxEvalWindows: 8,
      lr: undefined,
    });
  });

  it('are refused when unknown, missing or of another kind', () => {
    expect(() => read({ model: 'x' }, { learningRate: 1 })).toThrow('config file: unknown option "learningRate"');
    expect(() => read({ model: 'x' }, { constructor: 1 })).toThrow(InputError);
    expect(() => read({})).toThrow('--model is missing');
    expect(() => read({ model: 'x', maxEvalWindows: '0' })).toThrow('--max-eval-windows: expected a whole number');
    expect(() => read({ model: 'x' }, { lr: { value: 1 } })).toThrow(
      '--lr: expected a single value, found {"value":1}',
    );
    expect(() => read({ model: 'x' }, { resume: 'perhaps' })).toThrow('--resume: expected true or false');
  });
});

describe('names', () => {
  it('become flags', () => {
    expect([flagName('model'), flagName('minLrRatio')]).toEqual(['--model', '--min-lr-ratio']);
  });
});

describe('defined', () => {
  it('leaves out what is undefined and nothing else', () => {
    expect(defined({ a: undefined, b: null, c: 0, d: false })).toEqual({ b: null, c: 0, d: false });
  });
});
