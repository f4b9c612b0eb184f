import { InputError } from '../engine/errors.js';

/** Turns an option's text (or a config file's value) into what the command needs; throws InputError otherwise. */
export type Parser<T> = (text: string, option: string) => T;

function refuse(option: string, expected: string, text: string): never {
  throw new InputError(`${option}: expected ${expected}, found "${text}"`);
}

/** Any text that is not empty. */
export const text: Parser<string> = (value, option) => (value === '' ? refuse(option, 'a value', value) : value);

/** Any text, the empty one too. */
export const anyText: Parser<string> = (value) => value;

/** A number within bounds. */
export function number(expected: string, accepts: (value: number) => boolean): Parser<number> {
  return (value, option) => {
    const parsed = value.trim() === '' ? Number.NaN : Number(value);
    return Number.isFinite(parsed) && accepts(parsed) ? parsed : refuse(option, expected, value);
  };
}

export const positiveInteger = number('a whole number of at least 1', (x) => Number.isSafeInteger(x) && x >= 1);
export const nonNegativeInteger = number('a whole number of at least 0', (x) => Number.isSafeInteger(x) && x >= 0);
export const positive = number('a number above 0', (x) => x > 0);
export const nonNegative = number('a number of at least 0', (x) => x >= 0);
export const fraction = number('a number between 0 and 1', (x) => x > 0 && x < 1);
export const probability = number('a number above 0 and up to 1', (x) => x > 0 && x <= 1);
export const ratio = number('a number from 0 to 1', (x) => x >= 0 && x <= 1);

/** true or false; a flag on the command line stands for true. */
export const flag: Parser<boolean> = (value, option) => {
  if (value !== 'true' && value !== 'false') refuse(option, 'true or false', value);
  return value === 'true';
};

/** One of a fixed set of words. */
export function choice<T extends string>(words: readonly T[]): Parser<T> {
  return (value, option) => words.find((word) => word === value) ?? refuse(option, `one of ${words.join(', ')}`, value);
}

/** Comma-separated words. */
export const list: Parser<readonly string[]> = (value, option) => {
  const items = value.split(',').map((item) => item.trim());
  return items.some((item) => item === '') ? refuse(option, 'a comma-separated list', value) : items;
};

/** Whole numbers and ranges of them: `0-3,7`. */
export const wholeNumbers: Parser<readonly number[]> = (value, option) =>
  value.split(',').flatMap((item) => {
    const [, first, last = first] = /^\s*(\d{1,6})(?:-(\d{1,6}))?\s*$/.exec(item) ?? [];
    const count = Number(last) - Number(first) + 1;
    if (!(count >= 1)) refuse(option, 'whole numbers and ranges, like 0-3,7', value);
    return Array.from({ length: count }, (_, index) => Number(first) + index);
  });

/** Comma-separated numbers above 0, in ascending order and each once. */
export const positives: Parser<readonly number[]> = (value, option) => {
  const numbers = list(value, option).map((item) => positive(item, option));
  return [...new Set(numbers)].sort((a, b) => a - b);
};

/** Bits of a code. */
export const bits: Parser<8 | 4 | 2> = (value, option) => {
  const found = ([8, 4, 2] as const).find((known) => String(known) === value.trim());
  return found ?? refuse(option, '8, 4 or 2', value);
};

/** Comma-separated words of a fixed set. */
export function choices<T extends string>(words: readonly T[]): Parser<readonly T[]> {
  const one = choice(words);
  return (value, option) => list(value, option).map((item) => one(item, option));
}

export const beta = number('a number in [0, 1)', (x) => x >= 0 && x < 1);

/** Two numbers in [0, 1), for Adam. */
export const betas: Parser<readonly [number, number]> = (value, option) => {
  const items = value.split(',');
  if (items.length !== 2) refuse(option, 'two numbers in [0, 1), like 0.9,0.999', value);
  return [beta(items[0], option), beta(items[1], option)];
};

const units: { readonly [unit: string]: number } = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/** Bytes: `512MiB`, `2GiB`, `1.5GB`, or a plain number. */
export const size: Parser<number> = (value, option) => {
  const [, amount, unit] = /^\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*$/.exec(value) ?? [];
  const factor = unit === undefined ? undefined : units[unit.toLowerCase()];
  const bytes = Math.floor(Number(amount) * (factor ?? Number.NaN));
  return bytes > 0 ? bytes : refuse(option, 'a size like 512MiB, 2GiB or 1.5GB', value);
};

/**
 * A rank: a whole number is the rank itself; a number with a point (`0.25`) or a fraction (`1/4`, `n/4`) is a ratio of each
 * layer's input width.
 */
export const rank: Parser<{ ratio: number } | { absolute: number }> = (value, option) => {
  const expected = 'a whole number (the rank), or a ratio like 0.25, 1/4 or n/4';
  const [, numerator, denominator] = /^(n|\d+)\/(\d+)$/.exec(value) ?? [];
  const parsed = denominator ? (numerator === 'n' ? 1 : Number(numerator)) / Number(denominator) : Number(value);
  if (!(parsed > 0) || !Number.isFinite(parsed)) refuse(option, expected, value);
  if (denominator || value.includes('.')) return parsed <= 1 ? { ratio: parsed } : refuse(option, expected, value);
  return Number.isSafeInteger(parsed) ? { absolute: parsed } : refuse(option, expected, value);
};

/** Steps between resamplings, or `never` (null). */
export const updateGap: Parser<number | null> = (value, option) =>
  value === 'never' ? null : positiveInteger(value, option);
