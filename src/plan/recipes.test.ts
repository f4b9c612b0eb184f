import { describe, expect, it } from 'vitest';
import { InputError } from '../engine/index.js';
import { parsePlan } from './memory-plan.js';
import { lastMatch } from './pattern.js';
import { makePlan, methods, parseMethods, type RecipeOptions } from './recipes.js';
import { saveModes } from './save-modes.js';

const plan = (names: string, options: Partial<RecipeOptions> = {}) =>
  makePlan(names.split(','), { layers: 4, headWidth: 16, ...options });

function formOf(names: string, slot: string, options: Partial<RecipeOptions> = {}) {
  return lastMatch(plan(names, options).slots, slot)?.form;
}

function refusal(names: string, options: Partial<RecipeOptions> = {}): InputError {
  try {
    plan(names, options);
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
  throw new Error(`"${names}" was not refused`);
}

describe('recipes', () => {
  it('exist for every method, each with a sentence, and make a plan that reads as a document', () => {
    for (const [name, sentence] of Object.entries(methods)) {
      expect(sentence.length).toBeGreaterThan(20);
      const made = plan(name);
      expect(parsePlan(JSON.parse(JSON.stringify(made)), 'plan.json')).toEqual(made);
    }
  });

  it.each([
    ['full,compact', 'compact,full'],
    ['checkpoint,compact-shared', 'compact-shared,checkpoint'],
    ['lean,compact,fused-update', 'fused-update,lean,compact'],
    ['lean,checkpoint', 'checkpoint,lean'],
    ['velora,mesa,full', 'full,mesa,velora'],
    ['msnorm,lean,mesa', 'mesa,msnorm,lean'],
  ])('do not depend on the order of the names: %s = %s', (a, b) => {
    expect(plan(a)).toEqual(plan(b));
  });

  it('name each method once, in one order', () => {
    expect(plan('compact,lean').methods).toEqual(['lean', 'compact']);
    expect(plan('lean,lean').methods).toEqual(['lean']);
  });

  it('quantise what would be kept exactly, and nothing else', () => {
    expect(formOf('mesa', 'layers.2.mlp.gate')).toBe('quant-8');
    expect(formOf('mesa', 'layers.2.mlp.gate', { bits: 2 })).toBe('quant-2');
    expect(formOf('mesa', 'layers.2.mlp.down_proj.input')).toBe('replay');
    expect(formOf('full,mesa', 'layers.2.mlp.down_proj.input')).toBe('quant-8');
    expect(formOf('mesa', 'layers.2.input_layernorm.rstd')).toBe('exact');
    expect(formOf('mesa', 'embed_tokens.ids')).toBe('exact');
    expect(formOf('mesa,checkpoint', 'layers.2.input_layernorm.input')).toBe('quant-8');
    expect(formOf('mesa,checkpoint', 'layers.2.mlp.gate')).toBe('replay-gemm');
    const some = { checkpointLayers: [0, 3] };
    expect(formOf('mesa,checkpoint', 'layers.0.mlp.gate', some)).toBe('replay-gemm');
    expect(formOf('mesa,checkpoint', 'layers.1.mlp.gate', some)).toBe('quant-8');
    expect(formOf('mesa,checkpoint', 'layers.1.input_layernorm.input', { checkpointEvery: 2 })).toBe('replay-gemm');
  });

  it('offload what would be kept exactly, in all blocks but the last two', () => {
    expect(formOf('offload', 'layers.0.mlp.gate')).toBe('offload');
    expect(formOf('offload', 'layers.1.self_attn.o_proj.input')).toBe('offload');
    expect(formOf('offload', 'layers.2.mlp.gate')).toBe('exact');
    expect(formOf('offload', 'layers.0.mlp.down_proj.input')).toBe('replay');
    expect(formOf('offload', 'layers.0.mlp.gate', { offloadFraction: 0 })).toBe('replay-gemm');
    expect(formOf('offload', 'layers.0.mlp.gate', { offloadFraction: 0.5 })).toBe('offload-part');
    expect(formOf('offload', 'layers.0.input_layernorm.input', { offloadFraction: 0 })).toBe('offload');
    expect(formOf('offload', 'layers.0.self_attn.output', { offloadFraction: 0 })).toBe('offload');
    expect(formOf('offload', 'layers.3.mlp.gate', { offloadFraction: 0 })).toBe('exact');
    expect(formOf('offload,checkpoint', 'layers.0.input_layernorm.input')).toBe('offload');
    expect(formOf('offload,checkpoint', 'layers.0.mlp.gate')).toBe('replay-gemm');
    expect(formOf('offload,checkpoint', 'layers.1.input_layernorm.input', { checkpointEvery: 2 })).toBe('replay-gemm');
  });

  it('give VeLoRA and Approx-BP what a usual framework keeps', () => {
    expect(formOf('velora', 'layers.0.mlp.down_proj.input')).toBe('subtoken');
    expect(formOf('velora', 'layers.0.self_attn.q_proj.input')).toBe('exact');
    expect(plan('velora').subtokens).toMatchObject({ groups: 64, scale: 1 });
    expect(plan('velora').loss).toEqual({ form: 'full' });
    expect(formOf('approxbp', 'layers.0.mlp.gate')).toBe('step2');
    expect(formOf('approxbp', 'layers.0.mlp.activated')).toBe('exact');
  });

  it('say what full keeps and lean recomputes', () => {
    expect(formOf('full', 'layers.0.mlp.down_proj.input')).toBe('exact');
    expect(formOf('lean', 'layers.0.mlp.down_proj.input')).toBe('replay');
    expect(formOf('lean', 'layers.0.mlp.gate')).toBe('exact');
    expect(plan('full').loss).toEqual({ form: 'full' });
    expect(plan('lean').loss).toEqual({ form: 'fused', chunk: 256 });
    expect(plan('full', { lossForm: 'fused', lossChunk: 9 }).loss).toEqual({ form: 'fused', chunk: 9 });
    expect(plan('lean', { lossForm: 'full' }).loss).toEqual({ form: 'full' });
  });

  it('keep block inputs only under checkpoint, or every k-th of them', () => {
    expect(formOf('checkpoint', 'layers.0.mlp.gate')).toBe('replay-gemm');
    expect(formOf('checkpoint', 'layers.1.input_layernorm.input')).toBe('exact');
    const rules = plan('checkpoint', { checkpointEvery: 2 }).slots.filter(({ match }) => /^layers\./.test(match));
    // Where norms end the blocks, the norm of the block before reads a block's input.
    expect(rules.map(({ match }) => match)).toEqual([
      'layers.0.output_layernorm.*',
      'layers.1.input_layernorm.*',
      'layers.2.output_layernorm.*',
      'layers.3.input_layernorm.*',
    ]);
  });

  it('give GaLore and APOLLO their published settings, on the matrices of the blocks', () => {
    expect(plan('galore').optimizer).toEqual([
      { match: '*', update: { name: 'adamw' } },
      {
        match: '*_proj.weight',
        update: {
          name: 'galore',
          rank: { ratio: 0.25 },
          updateGap: 200,
          basis: 'svd',
          direction: { name: 'adamw' },
        },
      },
    ]);
    expect(plan('galore').updateScales).toEqual([{ match: '*_proj.weight', scale: 0.25 }]);
    expect(plan('galore', { basis: 'range-finder', rank: { absolute: 8 }, scale: 1 })).toMatchObject({
      optimizer: [{}, { update: { basis: 'range-finder', rank: { absolute: 8 } } }],
      updateScales: [{ scale: 1 }],
    });
    expect(plan('apollo').optimizer.at(-1)?.update).toMatchObject({ rank: { ratio: 0.25 }, scaling: 'channel' });
    expect(plan('apollo-mini')).toMatchObject({
      optimizer: [{}, { update: { name: 'apollo', rank: { absolute: 1 }, scaling: 'tensor' } }],
      updateScales: [{ scale: Math.sqrt(128) }],
    });
  });

  it.each([
    ['galore,compact', {}, /^method galore projects the exact gradient, which compact never forms$/],
    ['galore,apollo', {}, /^methods galore and apollo exclude each other/],
    ['apollo', { updateGap: null }, /^--update-gap never has no meaning with apollo$/],
    ['apollo', { basis: 'svd' }, /^--basis has no meaning with apollo, whose subspace is random$/],
    ['lean', { basis: 'svd' }, /^--basis has no meaning without galore or a compact method$/],
    ['compact', { basis: 'svd' }, /^--basis svd is one of galore$/],
    ['galore', { basis: 'prac' }, /^--basis prac is one of sketches; galore has svd and range-finder$/],
    ['lean,prac', {}, /^a lifted gradient from a recomputed input saves nothing/],
    ['prac', { sketchWhen: 'backward' }, /^a lifted gradient from a recomputed input saves nothing/],
    ['prac', { basis: 'range-finder' }, /^a gradient lifted from a range-finder basis is biased/],
    ['compact', { basis: 'prac', projection: 'srht' }, /^--projection srht has no meaning with --basis prac$/],
    ['compact', { moments: 'reset', updateGap: null }, /^a projection that never changes leaves moments as they are$/],
    ['compact', { refresh: 'staggered', projection: 'srht' }, /^srht projections change as a whole/],
    ['compact', { refresh: 'staggered', moments: 'reset' }, /^a staggered refresh has its own rule for the moments/],
    [
      'compact',
      { refresh: 'staggered', updateGap: null },
      /^a projection that never changes has no turns to change in$/,
    ],
    ['prac', { moments: 'reset' }, /^moments of lifted gradients have no subspace to change with$/],
    [
      'compact',
      { basis: 'prac', moments: 'transport' },
      /^moments are transported by making the last projection again/,
    ],
    ['prac,galore', {}, /^method galore projects the exact gradient, which prac never forms$/],
    ['galore', { projection: 'srht' }, /^--projection has no meaning without a compact method$/],
  ] as const)('refuse %s %j', (names, options, message) => {
    expect(refusal(names, options).message).toMatch(message);
    expect(refusal(names, options).hint).toBeTruthy();
  });

  it('give compact-plus one state per matrix: Muon in the subspace, and fast sketches', () => {
    const { sketches, updateScales } = plan('compact-plus');
    expect(sketches).toMatchObject({ projection: 'srht', share: false, gradient: 'compressed', scale: 1 / 16 });
    expect(updateScales).toEqual([{ match: '*.o_proj.weight', scale: 1 / 32 }]);
    const update = lastMatch(plan('compact-plus').optimizer, 'model.layers.0.mlp.up_proj.weight')?.update;
    expect(update).toMatchObject({ name: 'muon', updateRms: 1 });
    const embedding = lastMatch(plan('compact-plus').optimizer, 'model.embed_tokens.weight')?.update;
    expect(embedding).toEqual({ name: 'adamw' });
  });

  it('keep the state of GaLore in the form that other methods say', () => {
    const inner = (names: string) => {
      const update = plan(names).optimizer.at(-1)?.update;
      return update?.name === 'galore' ? update.direction.name : update?.name;
    };
    expect(inner('galore')).toBe('adamw');
    expect(inner('galore,adam8bit')).toBe('adam8bit');
    expect(inner('muon,galore')).toBe('muon');
    expect(refusal('galore,adafactor').message).toBe('method galore has no subspace for the state of adafactor');
  });

  it('give PRAC its published settings, or those of CompAct where gradients stay compressed', () => {
    expect(plan('prac').sketches).toMatchObject({
      ...{ basis: 'prac', gradient: 'lifted', rank: { ratio: 0.6 }, share: true, updateGap: 500, scale: 1 },
    });
    expect(formOf('prac', 'layers.0.mlp.down_proj.input')).toBe('sketch');
    expect(plan('prac,lean', { gradient: 'compressed' }).sketches).toMatchObject({
      ...{ basis: 'prac', gradient: 'compressed', rank: { ratio: 0.25 }, updateGap: 50, scale: 0.25 },
    });
    expect(formOf('prac,lean', 'layers.0.mlp.down_proj.input', { gradient: 'compressed' })).toBe('late-sketch');
  });

  it('give CompAct its published settings', () => {
    expect(plan('compact').sketches).toMatchObject({
      projection: 'gaussian',
      rank: { ratio: 0.25 },
      share: false,
      updateGap: 50,
      scale: 0.25,
    });
    expect(plan('compact').updateScales).toEqual([{ match: '*.o_proj.weight', scale: 0.125 }]);
    expect(plan('compact', { scale: 2, outputScale: 1 }).updateScales).toEqual([
      { match: '*.o_proj.weight', scale: 2 },
    ]);
    expect(plan('compact-shared').sketches?.share).toBe(true);
    expect(plan('compact-down').sketches?.weights).toEqual(['*.down_proj.weight']);
    expect(plan('compact', { updateGap: null }).sketches?.updateGap).toBeNull();
  });

  it('give the exact matrices beside compact-down the rate of the sketched one', () => {
    const scaleOf = (weight: string, options = {}) =>
      lastMatch(plan('compact-down', options).updateScales, `model.layers.0.${weight}`)?.scale;
    for (const weight of ['self_attn.q_proj.weight', 'self_attn.o_proj.weight', 'mlp.up_proj.weight']) {
      expect(scaleOf(weight)).toBe(0.25);
      expect(scaleOf(weight, { scale: 1 / 8 })).toBe(1 / 8);
    }
    expect(scaleOf('self_attn.o_proj.weight', { outputScale: 0.5 })).toBe(1 / 8);
    expect(lastMatch(plan('compact-down').updateScales, 'model.embed_tokens.weight')).toBeUndefined();
  });

  it('are nothing for exact methods', () => {
    expect(plan('lean').sketches).toBeNull();
  });

  it('scale the updates of the blocks where exact methods are given alpha', () => {
    const { updateScales } = plan('lean,muon', { scale: 0.5 });
    expect(lastMatch(updateScales, 'model.layers.0.mlp.up_proj.weight')?.scale).toBe(0.5);
    expect(lastMatch(updateScales, 'model.embed_tokens.weight')).toBeUndefined();
    expect(refusal('lora', { scale: 0.5 }).message).toMatch(/scale has no meaning without a compact method/);
  });

  it('sketch in forward as in the paper together with full, else in backward', () => {
    expect(formOf('full,compact', 'layers.0.mlp.down_proj.input')).toBe('sketch');
    expect(formOf('compact', 'layers.0.mlp.down_proj.input')).toBe('late-sketch');
    expect(formOf('compact', 'layers.0.mlp.down_proj.input', { sketchWhen: 'forward' })).toBe('sketch');
    expect(formOf('full,compact', 'layers.0.mlp.down_proj.input', { sketchWhen: 'backward' })).toBe('late-sketch');
  });

  it('update as gradients appear only where asked to', () => {
    expect(plan('lean').update).toBe('after');
    expect(plan('lean,fused-update').update).toBe('fused');
    expect(plan('lomo').update).toBe('fused');
    expect(plan('adalomo').update).toBe('fused');
    expect(plan('adafactor').update).toBe('after');
  });

  it('let blocks take turns only where asked to', () => {
    expect(plan('lean').blockCoordinate).toBeNull();
    expect(plan('badam').blockCoordinate).toEqual({ switchEvery: 50, order: 'random' });
    expect(plan('badam', { switchEvery: 7, blockOrder: 'ascending' }).blockCoordinate).toEqual({
      ...{ switchEvery: 7, order: 'ascending' },
    });
  });

  it('choose an optimizer for each parameter', () => {
    const optimizerOf = (names: string, weight: string, options: Partial<RecipeOptions> = {}) =>
      lastMatch(plan(names, options).optimizer, weight)?.update;
    const [query, down] = ['model.layers.0.self_attn.q_proj.weight', 'model.layers.3.mlp.down_proj.weight'];
    const [embedding, head] = ['model.embed_tokens.weight', 'lm_head.weight'];
    expect(optimizerOf('lean', down)).toEqual({ name: 'adamw' });
    expect(optimizerOf('adam8bit', down)).toEqual({ name: 'adam8bit', blockSize: 256, minimumSize: 4096 });
    expect(optimizerOf('adam8bit', down, { blockSize: 2048 })).toMatchObject({ blockSize: 2048 });
    expect(optimizerOf('adam8bit', embedding)).toEqual({ name: 'adamw' });
    expect(optimizerOf('adam-mini', query)).toEqual({ name: 'adam-mini', rowsPerBlock: 16 });
    expect(optimizerOf('adam-mini', down)).toEqual({ name: 'adam-mini', rowsPerBlock: 1 });
    expect(optimizerOf('adafactor', head)).toMatchObject({ name: 'adafactor', momentum: null });
    expect(optimizerOf('adalomo', head, { momentum: 0.9 })).toMatchObject({ name: 'adafactor', momentum: 0.9 });
    expect(optimizerOf('lomo', head)).toEqual({ name: 'sgd' });
    expect(optimizerOf('muon', down, { momentum: 0.9, updateRms: 1 })).toMatchObject({
      ...{ name: 'muon', momentum: 0.9, updateRms: 1 },
    });
    expect(optimizerOf('muon', head)).toEqual({ name: 'adamw' });
    expect(optimizerOf('muon,adam8bit', head)).toMatchObject({ name: 'adam8bit' });
    expect(optimizerOf('muon,adam8bit', embedding)).toEqual({ name: 'adamw' });
    expect(optimizerOf('muon,adam8bit', down)).toMatchObject({ name: 'muon' });
  });

  it('take every save mode', () => {
    for (const saveMode of saveModes) expect(plan('lean', { saveMode }).slots.length).toBeGreaterThan(0);
  });
});

describe('what cannot be combined is refused with a sentence', () => {
  it.each<[string, Partial<RecipeOptions>, RegExp]>([
    ['full,lean', {}, /full and lean exclude each other/],
    ['checkpoint,full', {}, /full and checkpoint exclude each other/],
    ['compact,compact-shared', {}, /compact and compact-shared exclude each other: choose one/],
    ['compact-down,compact', {}, /compact and compact-down exclude each other/],
    ['checkpoint,compact', { sketchWhen: 'forward' }, /formed in forward cannot be combined with checkpoint/],
    ['lean', { checkpointEvery: 2 }, /--checkpoint-every needs the method checkpoint/],
    ['lean,velora', {}, /lean and velora exclude each other: velora would store what lean makes again exactly/],
    ['checkpoint,approxbp', {}, /checkpoint and approxbp exclude each other/],
    ['velora,compact', {}, /velora and compact exclude each other: both replace the inputs of the same layers/],
    ['velora,token-sketch', {}, /velora and token-sketch exclude each other/],
    ['token-sketch,compact', {}, /token-sketch and compact exclude each other/],
    ['lean,token-sketch', {}, /lean and token-sketch exclude each other/],
    ['lean', { tokenRatio: 0.5 }, /--token-ratio has no meaning without token-sketch/],
    ['velora,compact-down', {}, /velora and compact-down exclude each other/],
    [
      'msnorm,compact',
      {},
      /msnorm and compact exclude each other: a memory-sharing norm needs the next layers' inputs/,
    ],
    ['msnorm,compact-shared', {}, /msnorm and compact-shared exclude each other/],
    ['msnorm,checkpoint', {}, /checkpoint and msnorm exclude each other/],
    ['lora,velora', {}, /lora and velora exclude each other: the layers it acts on are frozen/],
    ['msnorm,lora-fa', {}, /lora-fa and msnorm exclude each other: it changes the weights that adapters belong to/],
    ['velora,badam', {}, /velora and badam exclude each other/],
    ['mesa,offload', {}, /mesa and offload exclude each other: both replace what would be kept exactly/],
    ['lean', { offloadFraction: 1 }, /--offload-fraction has no meaning without offload/],
    ['lean', { bits: 4 }, /--bits has no meaning without mesa/],
    ['mesa', { groups: 4 }, /--groups has no meaning without velora/],
    ['mesa', { veloraScale: 4 }, /--velora-scale has no meaning without velora/],
    ['lean', { checkpointLayers: [0] }, /--checkpoint-layers needs the method checkpoint/],
    ['checkpoint', { checkpointLayers: [0], checkpointEvery: 2 }, /without --checkpoint-every/],
    ['checkpoint', { checkpointLayers: [1, 4] }, /--checkpoint-layers: there is no block 4, only 0 to 3/],
    ['lean', { rank: { ratio: 0.5 } }, /--rank has no meaning without a compact method/],
    ['lean', { updateGap: 3 }, /--update-gap has no meaning/],
    ['lean', { updateGap: null }, /--update-gap has no meaning/],
    ['full', { outputScale: 1 }, /--output-scale has no meaning/],
    ['checkpoint', { projection: 'gaussian' }, /--projection has no meaning/],
    ['lean', { sketchWhen: 'backward' }, /--sketch-when has no meaning/],
    ['adam8bit,adam-mini', {}, /adam8bit and adam-mini exclude each other: each is an optimizer of its own/],
    ['badam,muon', {}, /badam and muon exclude each other/],
    ['badam,adam8bit', {}, /adam8bit and badam exclude each other/],
    ['lean', { switchEvery: 5 }, /--switch-every has no meaning here/],
    ['muon', { blockOrder: 'ascending' }, /--block-order has no meaning here/],
    ['lomo,adafactor', {}, /adafactor and lomo exclude each other/],
    ['muon,adalomo', {}, /adalomo and muon exclude each other/],
    ['lean', { momentum: 0.9 }, /--momentum has no meaning here/],
    ['adam8bit', { blockSize: 8192 }, /--block-size: at most 4096, found 8192/],
    ['adam-mini', { blockSize: 64 }, /--block-size has no meaning here/],
    ['adafactor', { updateRms: 1 }, /--update-rms has no meaning here/],
  ])('%s with %o', (names, options, sentence) => {
    const { message, exitCode } = refusal(names, options);
    expect(message).toMatch(sentence);
    expect(message).not.toContain('\n');
    expect(exitCode).toBe(2);
  });

  it('adam-mini without the width of a head', () => {
    expect(() => makePlan(['adam-mini'], { layers: 4 })).toThrow('adam-mini needs the width of an attention head');
  });

  it('unknown names, with those that there are', () => {
    expect(refusal('leen').message).toBe('unknown method "leen"');
    expect(refusal('lean,').message).toBe('unknown method ""');
    expect(refusal('toString').message).toBe('unknown method "toString"');
    expect(refusal('leen').hint).toContain('available: full, lean');
    expect(parseMethods(['lean', 'compact'])).toEqual(['lean', 'compact']);
  });
});
