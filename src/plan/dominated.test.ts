import { describe, expect, it } from 'vitest';
import { adamSettings, tinyConfig, tinyPlan } from '../../tests/support/tiny.js';
import { dominatedChoices } from './dominated.js';
import { predict } from './predict.js';
import type { RecipeOptions } from './recipes.js';

const [batch, sequenceLength] = [2, 32];

async function choices(methods: string, options: Partial<RecipeOptions> = {}): Promise<readonly string[]> {
  const plan = tinyPlan(methods, tinyConfig, options);
  const request = { config: tinyConfig, plan, batch, sequenceLength, accumulate: 1, threads: 1, seed: 0 };
  const { slots } = await predict({ ...request, optimizer: adamSettings });
  return dominatedChoices(plan, slots, batch * sequenceLength);
}

describe('what a plan has that is dominated', () => {
  it('is nothing where nothing is sketched, or where the sketch is late and fast', async () => {
    expect(await choices('lean')).toEqual([]);
    expect(await choices('galore')).toEqual([]);
    expect(await choices('compact-plus')).toEqual([]);
    expect(await choices('compact', { projection: 'sparse' })).toEqual([]);
    expect(await choices('compact', { basis: 'prac' })).toEqual([]);
    expect(await choices('prac')).toEqual([]);
  });

  it('is a sketch that is stored while its input can be recomputed', async () => {
    // Two blocks, 64 tokens, f32: five sketches of rank 16 and one of rank 43.
    const bytes = (2 * 64 * 4 * (5 * 16 + 43)) / 2 ** 20;
    const [stored] = await choices('compact', { sketchWhen: 'forward', projection: 'srht' });
    expect(stored).toContain(`stored, ${bytes.toFixed(1)} MiB: with --sketch-when backward`);
  });

  it('is a dense projection where a fast one has no larger error', async () => {
    expect(await choices('compact')).toEqual([
      'gaussian projections have a squared error of 4.06 and take a matrix product: --projection srht has 3.00 and takes none',
    ]);
    expect(await choices('compact', { projection: 'orthonormal' })).toHaveLength(1);
  });

  it('is a fast transform where so few directions are wanted that a product takes less', async () => {
    expect(await choices('compact', { projection: 'srht', rank: { absolute: 2 } })).toEqual([
      'at rank 2 of 64 the Hadamard transform takes 384 operations per token, a matrix product 256: --projection orthonormal is no worse',
    ]);
    expect(await choices('compact', { rank: { absolute: 2 } })).toEqual([]);
  });
});
