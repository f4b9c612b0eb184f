import { describe, expect, it } from 'vitest';
import { InputError } from '../engine/index.js';
import { parsePlan } from './memory-plan.js';
import { makePlan } from './recipes.js';

const compact = makePlan(['compact', 'checkpoint'], { layers: 3, rank: { absolute: 5 }, checkpointEvery: 2 });

describe('a plan document', () => {
  it('comes back the same', () => {
    for (const plan of [compact, makePlan(['full'], { layers: 1 })]) {
      expect(parsePlan(JSON.parse(JSON.stringify(plan)), 'plan.json')).toEqual(plan);
    }
  });

  it.each<[string, unknown, RegExp]>([
    ['no object', null, /^plan\.json: plan: /],
    ['nothing', {}, /^plan\.json: version: /],
    ['another version', { ...compact, version: 2 }, /^plan\.json: version: /],
    ['no slots', { ...compact, slots: [] }, /^plan\.json: slots: /],
    ['an unknown form', { ...compact, slots: [{ match: '*', form: 'exakt' }] }, /^plan\.json: slots\.0\.form: /],
    ['an empty pattern', { ...compact, slots: [{ match: '', form: 'exact' }] }, /^plan\.json: slots\.0\.match: /],
    ['a field too many', { ...compact, speed: 'fast' }, /^plan\.json: plan: .*speed/],
    ['an unknown loss', { ...compact, loss: { form: 'none' } }, /^plan\.json: loss\.form: /],
    ['a chunk of nothing', { ...compact, loss: { form: 'fused', chunk: 0 } }, /^plan\.json: loss\.chunk: /],
    ['an unknown update', { ...compact, update: 'never' }, /^plan\.json: update: /],
    ['no optimizer', { ...compact, optimizer: [] }, /^plan\.json: optimizer: /],
    [
      'an unknown optimizer',
      { ...compact, optimizer: [{ match: '*', update: { name: 'adamu' } }] },
      /^plan\.json: optimizer\.0\.update\.name: /,
    ],
    [
      'turns of no steps',
      { ...compact, blockCoordinate: { switchEvery: 0, order: 'random' } },
      /^plan\.json: blockCoordinate\.switchEvery: /,
    ],
    ['no weights to sketch', sketches({ weights: [] }), /^plan\.json: sketches\.weights: /],
    ['an unknown projection', sketches({ projection: 'cauchy' }), /^plan\.json: sketches\.projection: /],
    ['a ratio above 1', sketches({ rank: { ratio: 1.5 } }), /^plan\.json: sketches\.rank/],
    ['a ratio of 0', sketches({ rank: { ratio: 0 } }), /^plan\.json: sketches\.rank/],
    ['a rank of 0', sketches({ rank: { absolute: 0 } }), /^plan\.json: sketches\.rank/],
    ['half a rank', sketches({ rank: { absolute: 2.5 } }), /^plan\.json: sketches\.rank/],
    ['two ranks', sketches({ rank: { ratio: 0.5, absolute: 3 } }), /^plan\.json: sketches\.rank/],
    ['a gap of 0', sketches({ updateGap: 0 }), /^plan\.json: sketches\.updateGap: /],
    ['a scale of 0', sketches({ scale: 0 }), /^plan\.json: sketches\.scale: /],
  ])('with %s is refused by the place', (_, json, sentence) => {
    expect(() => parsePlan(json, 'plan.json')).toThrow(InputError);
    expect(() => parsePlan(json, 'plan.json')).toThrow(sentence);
  });

  function sketches(changes: Record<string, unknown>): unknown {
    return { ...compact, sketches: { ...compact.sketches, ...changes } };
  }
});
