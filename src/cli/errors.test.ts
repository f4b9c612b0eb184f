import { CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { InputError, OutOfMemoryError } from '../engine/errors.js';
import { SaveError } from '../models/index.js';
import { describeError, isBrokenPipe } from './errors.js';

describe('describeError', () => {
  it('passes on what our errors say', () => {
    expect(describeError(new InputError('no such model', 'try another'))).toEqual({
      message: 'no such model',
      hint: 'try another',
      exitCode: 2,
    });
    expect(describeError(new OutOfMemoryError('too large')).exitCode).toBe(2);
    expect(describeError(new SaveError('disk full')).exitCode).toBe(1);
  });

  it('makes one line of many', () => {
    expect(describeError(new Error('first\n  second\n')).message).toBe('first second');
    expect(describeError('thrown text')).toMatchObject({ message: 'thrown text', exitCode: 1 });
  });

  it("turns the parser's suggestion into the hint", () => {
    const unknown = new CommanderError(
      1,
      'commander.unknownOption',
      "error: unknown option '--x'\n(Did you mean --y?)",
    );
    expect(describeError(unknown)).toEqual({
      message: "unknown option '--x'",
      hint: 'Did you mean --y?',
      exitCode: 2,
    });
    expect(describeError(new CommanderError(1, 'commander.help', '(outputHelp)')).message).toBe('a command is missing');
  });
});

describe('isBrokenPipe', () => {
  it('knows a reader that went away', () => {
    expect(isBrokenPipe(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))).toBe(true);
    expect(isBrokenPipe(new Error('EPIPE'))).toBe(false);
  });
});
