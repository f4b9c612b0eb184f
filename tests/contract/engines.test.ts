import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDryEngine, type Engine, type OpName } from '../../src/engine/index.js';
import { createNativeEngine } from '../../src/engine/native/native-engine.js';
import { nativeStatus } from '../../src/engine/native/status.js';
import { createReferenceEngine } from '../../src/engine/reference/reference-engine.js';
import { contractCases } from './cases.js';
import { bitDifference, disagreement } from './compare.js';
import type { OpCase } from './op-case.js';
import { type CaseResult, forEachCase, type Guard, type Inputs, inputsOf, runCase } from './run-case.js';
import { skipOf, skips } from './skips.js';

const threadCounts = [1, 2, 3] as const;
const status = nativeStatus();
const tiers = status.available ? status.supported : [];
const engineNames = ['reference', 'dry', ...tiers.map((tier) => `native ${tier}`)];

/** Operands on a cache line with one thread, off it with more: neither threads nor addresses may change a bit. */
const guardOf = (threads: number): Guard => ({ before: threads === 1 ? 64 : 5 + threads, after: 37 });

interface Expected {
  readonly inputs: Inputs;
  readonly result: CaseResult;
}

/** The reference's results, worked out once. */
const expectedResults = new Map<string, Promise<Expected>>();

function expected<K extends OpName>(op: K, opCase: OpCase<K>): Promise<Expected> {
  const key = `${op}/${opCase.label}`;
  const known = expectedResults.get(key);
  if (known) return known;
  const result = (async () => {
    using engine = createReferenceEngine();
    const inputs = await inputsOf(op, opCase);
    return { inputs, result: await runCase(engine, op, opCase, inputs) };
  })();
  expectedResults.set(key, result);
  return result;
}

/** Cases differ by name within an op: results and random numbers are found by it. */
describe('the cases', () => {
  it('have names of their own', () => {
    const names = new Set<string>();
    forEachCase((op, { label }) => {
      expect(names, 'two cases of one name').not.toContain(`${op}/${label}`);
      names.add(`${op}/${label}`);
    });
  });

  it('are named by every skip, which gives a reason', () => {
    const names = new Set<string>();
    forEachCase((op, { label }) => {
      for (const engine of engineNames) names.add(`${engine}/${op}`).add(`${engine}/${op}/${label}`);
    });
    for (const { engine, op, label, reason } of skips) {
      expect(names).toContain(label === undefined ? `${engine}/${op}` : `${engine}/${op}/${label}`);
      expect(reason).not.toBe('');
    }
  });
});

describe('the reference engine', () => {
  forEachCase((op, opCase) => {
    it(`${op}, ${opCase.label}: overwrites its outputs and touches nothing else`, async () => {
      const { inputs, result } = await expected(op, opCase);
      expect(result.violations).toEqual([]);
      if ([...inputs.values()].some((values) => values?.some(Number.isNaN))) return;
      for (const [name, values] of result.outputs)
        expect(values.findIndex(Number.isNaN), `${name} has a NaN at`).toBe(-1);
    });
  });
});

describe('the dry engine', () => {
  forEachCase((op, opCase) => {
    it(`${op}, ${opCase.label}: has the reference's ledger and flops on 1, 2 and 3 threads`, async () => {
      const { inputs } = await expected(op, opCase);
      for (const threads of threadCounts) {
        using dry = createDryEngine({ threads });
        using reference = createReferenceEngine({ threads });
        const predicted = await runCase(dry, op, opCase, inputs);
        const real = await runCase(reference, op, opCase, inputs);
        expect(predicted.reading).toEqual(real.reading);
        expect(predicted.flops).toBe(real.flops);
      }
    });
  });
});

/** Results on the first tier whose bits are not its own: the others must have the same. */
const firstTier = new Map<string, { readonly tier: string; readonly result: CaseResult }>();

describe.each(tiers)('the native engine on %s', (tier) => {
  const engines: Engine[] = [];
  beforeAll(() => {
    for (const threads of threadCounts) engines.push(createNativeEngine({ isa: tier, threads }));
  });
  afterAll(() => {
    for (const engine of engines) engine.dispose();
  });

  forEachCase((op, opCase) => {
    const skip = skipOf(`native ${tier}`, op, opCase.label);
    const sentence = `${op}, ${opCase.label}: agrees with the reference, with the same bits on 1, 2 and 3 threads`;
    it.skipIf(skip)(skip ? `${sentence} (skipped: ${skip.reason})` : sentence, async () => {
      const { inputs, result: want } = await expected(op, opCase);
      const results = await runOnAll(engines, op, opCase, inputs);
      const [single] = results;
      const ownBits = opCase.ownBits?.tiers.includes(tier) ? opCase.ownBits : undefined;
      expect(complaints(op, opCase, single, want, ownBits?.absolute)).toEqual([]);
      for (const [index, result] of results.entries()) {
        expect(result.violations).toEqual([]);
        expect(differences(single, result), `1 against ${threadCounts[index]} threads`).toEqual([]);
        using dry = createDryEngine({ threads: threadCounts[index] });
        const predicted = await runCase(dry, op, opCase, inputs, guardOf(threadCounts[index]));
        expect(result.reading).toEqual(predicted.reading);
        expect(result.flops).toBe(predicted.flops);
      }
      if (ownBits) return;
      const key = `${op}/${opCase.label}`;
      const first = firstTier.get(key) ?? { tier, result: single };
      firstTier.set(key, first);
      expect(differences(first.result, single), `${first.tier} against ${tier}`).toEqual([]);
    });
  });
});

/** The same case on engines of different thread counts, one after the other. */
async function runOnAll<K extends OpName>(engines: readonly Engine[], op: K, opCase: OpCase<K>, inputs: Inputs) {
  const results: CaseResult[] = [];
  for (const engine of engines) results.push(await runCase(engine, op, opCase, inputs, guardOf(engine.threads)));
  return results;
}

/** Where values are further from the reference than the op's tolerance allows. */
function complaints<K extends OpName>(
  op: K,
  opCase: OpCase<K>,
  got: CaseResult,
  want: CaseResult,
  further = 0,
): string[] {
  const { operands, scalars, looser } = opCase;
  const { tolerance } = contractCases[op];
  return [...want.outputs].flatMap(([name, values]) => {
    const usual = tolerance(operands, name, scalars);
    const allowed = usual === 'rounded' ? usual : { ...usual, absolute: usual.absolute + further };
    const found = disagreement(got.outputs.get(name) ?? new Float64Array(), values, allowed, looser?.factor);
    return found ? [`${op} ${name}${found}`] : [];
  });
}

/** Where the bits of two results differ. */
function differences(a: CaseResult, b: CaseResult): string[] {
  return [...a.outputs].flatMap(([name, values]) => {
    const found = bitDifference(values, b.outputs.get(name) ?? new Float64Array());
    return found ? [`${name}${found}`] : [];
  });
}

if (!status.available) {
  describe('the native engine', () => {
    it.skip(`is compared with the reference (skipped: ${status.reason}; ${status.hint})`);
  });
}
