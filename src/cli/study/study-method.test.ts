import { describe, expect, it } from 'vitest';
import { presets } from '../../models/index.js';
import { usualStudyMethods } from './pretrain-methods.js';
import { trainingOf } from './same-training.js';
import { readStudyMethod, studyPlan } from './study-method.js';

const config = presets['llama-9m'];
const plan = (label: string) => studyPlan(readStudyMethod(label), config);

describe('the methods of a study', () => {
  it('name methods, a rank and what refines them', async () => {
    const { methods, sketches } = await plan('full+compact@n/8:moments=reset:warm-restart=10');
    expect(methods).toEqual(['full', 'compact']);
    expect(sketches).toMatchObject({ rank: { ratio: 1 / 8 }, moments: { first: 'reset', warmRestart: 10 } });
  });

  it('all make a plan where none are named', async () => {
    const plans = await Promise.all(usualStudyMethods.map(plan));
    expect(new Set(plans.map((made) => JSON.stringify(made))).size).toBe(plans.length);
  });

  it.each([
    ['', /"" is no combination of methods/],
    ['full@', /"full@" is no combination/],
    ['lean:moments', /"lean:moments" is no combination/],
    ['lean:speed=2', /nothing is refined by "speed"/],
    ['lean:rank=x', /--rank: expected/],
  ])('%s is refused', (label, sentence) => expect(() => readStudyMethod(label)).toThrow(sentence));

  it('are refused by name where they cannot be combined', async () => {
    await expect(plan('full+lean')).rejects.toThrow(/"full\+lean": methods full and lean exclude each other/);
    await expect(plan('nothing')).rejects.toThrow(/"nothing": unknown method "nothing"/);
  });
});

describe('plans that should train to the same bits', () => {
  const same = async (a: string, b: string) => trainingOf(await plan(a)) === trainingOf(await plan(b));

  it.each([
    ['lean', 'checkpoint'],
    ['full', 'lean'],
    ['full+compact', 'compact'],
    ['muon', 'full+muon'],
    ['lean', 'offload'],
  ])('%s and %s', async (a, b) => expect(await same(a, b)).toBe(true));

  it.each([
    ['lean', 'mesa'],
    ['lean', 'lean:scale=0.25'],
    ['full', 'velora'],
    ['compact@n/4', 'compact@n/8'],
    ['compact', 'compact:basis=prac'],
    ['compact', 'compact:dtype=bf16'],
  ])('not %s and %s', async (a, b) => expect(await same(a, b)).toBe(false));
});
