import { describe, expect, it } from 'vitest';
import { InputError } from '../engine/errors.js';
import * as parse from './value-parsers.js';

/** Reads texts with a parser; a refused one gives the error's message. */
function readAll(parser: parse.Parser<unknown>, ...texts: readonly string[]): unknown[] {
  return texts.map((text) => {
    try {
      return parser(text, '--option');
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return error.message;
    }
  });
}

const refused = expect.stringMatching(/^--option: expected .*, found "/);

describe('numbers', () => {
  it('are read within their bounds', () => {
    expect(readAll(parse.positiveInteger, '1', '12', '1e3')).toEqual([1, 12, 1000]);
    expect(readAll(parse.positiveInteger, '0', '-1', '1.5', '', ' ', 'x', 'Infinity', '1e30')).toEqual(
      Array.from({ length: 8 }, () => refused),
    );
    expect(readAll(parse.nonNegativeInteger, '0', '-1')).toEqual([0, refused]);
    expect(readAll(parse.positive, '1e-4', '0', '-1e-4', 'NaN')).toEqual([1e-4, refused, refused, refused]);
    expect(readAll(parse.nonNegative, '0', '-0.1')).toEqual([0, refused]);
    expect(readAll(parse.fraction, '0.5', '0', '1')).toEqual([0.5, refused, refused]);
    expect(readAll(parse.ratio, '0', '1', '1.1')).toEqual([0, 1, refused]);
    expect(readAll(parse.probability, '1', '0', '1.1')).toEqual([1, refused, refused]);
  });

  it('that are refused name option, expectation and finding', () => {
    expect(readAll(parse.positiveInteger, '0')).toEqual(['--option: expected a whole number of at least 1, found "0"']);
  });
});

describe('sizes', () => {
  it('have binary and decimal units', () => {
    expect(readAll(parse.size, '512MiB', '2GiB', '1.5GB', '1 kB', '4096', '10b')).toEqual([
      512 * 2 ** 20,
      2 ** 31,
      1.5e9,
      1000,
      4096,
      10,
    ]);
  });

  it('are refused without a number or with an unknown unit', () => {
    expect(readAll(parse.size, '', 'GiB', '-1GiB', '1XB', '0', '1.GiB', '1 GiB or so')).toEqual(
      Array.from({ length: 7 }, () => refused),
    );
  });
});

describe('ranks', () => {
  it('are absolute as whole numbers, ratios with a point or as fractions', () => {
    expect(readAll(parse.rank, '64', '1', '0.25', '1.0', '1/4', 'n/4', 'n/1', '3/8')).toEqual([
      { absolute: 64 },
      { absolute: 1 },
      { ratio: 0.25 },
      { ratio: 1 },
      { ratio: 0.25 },
      { ratio: 0.25 },
      { ratio: 1 },
      { ratio: 0.375 },
    ]);
  });

  it('are positive, and ratios at most 1', () => {
    expect(readAll(parse.rank, '0', '-4', '0.0', '1.5', '5/4', '1/0', 'n', 'n/', '1e400', '')).toEqual(
      Array.from({ length: 10 }, () => refused),
    );
  });
});

describe('the others', () => {
  it('update gaps are steps or never', () => {
    expect(readAll(parse.updateGap, '50', 'never', '0')).toEqual([50, null, refused]);
  });

  it('betas are two numbers below 1', () => {
    expect(readAll(parse.betas, '0.9,0.999', '0,0.5')).toEqual([
      [0.9, 0.999],
      [0, 0.5],
    ]);
    expect(readAll(parse.betas, '0.9', '0.9,1', '0.9,0.99,0.999', '0.9,', 'a,b')).toEqual(
      Array.from({ length: 5 }, () => refused),
    );
  });

  it('lists are comma-separated, without gaps', () => {
    expect(readAll(parse.list, 'a', 'a, b')).toEqual([['a'], ['a', 'b']]);
    expect(readAll(parse.list, '', 'a,', 'a,,b')).toEqual([refused, refused, refused]);
  });

  it('words are one of a set', () => {
    const parser = parse.choice(['f32', 'bf16'] as const);
    expect(readAll(parser, 'bf16', 'f64')).toEqual(['bf16', '--option: expected one of f32, bf16, found "f64"']);
  });
});
