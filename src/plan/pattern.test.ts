import { describe, expect, it } from 'vitest';
import { lastMatch, matches } from './pattern.js';

describe('a pattern', () => {
  it.each([
    ['*', 'layers.3.mlp.gate'],
    ['*', ''],
    ['*.mlp.gate', 'layers.3.mlp.gate'],
    ['layers.3.*', 'layers.3.mlp.gate'],
    ['layers.*.mlp.*', 'layers.31.mlp.gate'],
    ['*.q_proj.input', 'layers.0.self_attn.q_proj.input'],
    ['norm.input', 'norm.input'],
    ['layers.{2-11}.*', 'layers.2.mlp.gate'],
    ['layers.{2-11}.*', 'layers.11.mlp.gate'],
    ['{0-0}.{5-6}', '0.6'],
  ])('"%s" matches "%s"', (pattern, name) => expect(matches(pattern, name)).toBe(true));

  it.each([
    ['mlp.gate', 'layers.3.mlp.gate'],
    ['*.mlp.gate', 'layers.3.mlp.gate_proj.input'],
    ['*.mlp.gate', 'layers.3.mlpxgate'],
    ['layers.3.*', 'layers.31.mlp.gate'],
    ['norm.*', 'layers.0.norm.input'],
    ['a+b', 'aab'],
    ['[ab]', 'a'],
    ['a|b', 'a'],
    ['layers.{2-11}.*', 'layers.1.mlp.gate'],
    ['layers.{2-11}.*', 'layers.12.mlp.gate'],
    ['layers.{2-11}.*', 'layers.x.mlp.gate'],
    ['{0-0}.{5-6}', '0.7'],
  ])('"%s" does not match "%s"', (pattern, name) => expect(matches(pattern, name)).toBe(false));

  it('takes signs of regular expressions for what they are', () => {
    expect(matches('a+(b)[c]{d}^$|?\\*', 'a+(b)[c]{d}^$|?\\rest')).toBe(true);
  });
});

describe('of several rules', () => {
  const rules = [
    { match: '*', form: 1 },
    { match: '*.gate', form: 2 },
    { match: 'layers.0.*', form: 3 },
  ];

  it('the last match holds', () => {
    expect(lastMatch(rules, 'norm')?.form).toBe(1);
    expect(lastMatch(rules, 'layers.1.gate')?.form).toBe(2);
    expect(lastMatch(rules, 'layers.0.gate')?.form).toBe(3);
  });

  it('none may match', () => expect(lastMatch(rules.slice(1), 'norm')).toBeUndefined());
});
