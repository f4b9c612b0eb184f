import { describe, expect, it } from 'vitest';
import type { OpSpec } from '../../src/engine/contract/spec.js';
import {
  createDryEngine,
  type DType,
  type Engine,
  LifetimeError,
  type OpArgs,
  type OpName,
  opNames,
  ops,
  rows,
  ShapeError,
  sizeOf,
  type Tensor,
} from '../../src/engine/index.js';
import { createNativeEngine } from '../../src/engine/native/native-engine.js';
import { nativeStatus } from '../../src/engine/native/status.js';
import { createReferenceEngine } from '../../src/engine/reference/reference-engine.js';
import { contractCases } from './cases.js';
import { mistakes } from './mistakes.js';
import type { OpCase } from './op-case.js';
import type { Operand } from './operands.js';
import { withTensors } from './run-case.js';

/** Validation lies before the kernels and is shared by all engines, so the one without kernels will do. */
function testEngine(): Engine {
  return createDryEngine({ threads: 1 });
}

function allocate(engine: Engine, shape: readonly number[], dtype: DType = 'f32', name = 'tensor'): Tensor {
  return engine.allocate({ shape, dtype, role: 'activation', name });
}

/** The error of a call. */
function errorOf(call: () => void): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}

/** The case of an op that has the most tensors: all optional ones, where they do not exclude each other. */
function fullCase<K extends OpName>(op: K): OpCase<K> {
  const count = (opCase: OpCase<K>) => (opCase.inPlace ? 0 : Object.keys(opCase.operands).length);
  return contractCases[op].cases.reduce((best, opCase) => (count(opCase) > count(best) ? opCase : best));
}

/** Names of an op's tensors with their descriptions. */
function operandsOf<K extends OpName>(opCase: OpCase<K>): [string, Operand][] {
  return Object.entries<Operand>({ ...opCase.operands });
}

function tensorsOf<K extends OpName>(engine: Engine, opCase: OpCase<K>): Record<string, Tensor> {
  return Object.fromEntries(
    operandsOf(opCase).map(([name, { shape, dtype }]) => [name, allocate(engine, shape, dtype, name)]),
  );
}

function releaseAll(engine: Engine, tensors: Record<string, Tensor>): void {
  for (const tensor of Object.values(tensors)) engine.release(tensor);
  expect(engine.ledger.live).toBe(0);
}

/** Engines that look at values. */
const computing = [
  { name: 'reference', create: () => createReferenceEngine() },
  ...(nativeStatus().available ? [{ name: 'native', create: () => createNativeEngine({ threads: 1 }) }] : []),
];

describe.each(opNames)('%s', (op) => {
  it('says in one line what was expected and what was found', () => {
    for (const { args, message } of mistakes[op]) {
      using engine = testEngine();
      const tensor = (shape: readonly number[], dtype?: DType) => allocate(engine, shape, dtype);
      const error = errorOf(() => engine.run(op, args(tensor)));
      expect(error).toBeInstanceOf(ShapeError);
      expect(error).toMatchObject({ message, code: 'SHAPE', exitCode: 2 });
      expect(message).toMatch(/^[^\n]+$/);
    }
  });

  it('refuses another dtype in every place', () => {
    using engine = testEngine();
    const opCase = fullCase(op);
    for (const [name, { shape, dtype }] of operandsOf(opCase)) {
      const tensors = tensorsOf(engine, opCase);
      // Nothing but ids and targets is i32.
      const wrongType = dtype === 'i32' ? 'u8' : 'i32';
      const wrong = allocate(engine, shape, wrongType, 'wrong');
      const error = errorOf(() => engine.run(op, withTensors(opCase, { ...tensors, [name]: wrong })));
      expect(error, name).toBeInstanceOf(ShapeError);
      expect(String(error)).toMatch(new RegExp(`${op}.*${wrongType}`));
      engine.release(wrong);
      releaseAll(engine, tensors);
    }
  });

  it('refuses a tensor that was freed, in every place', () => {
    using engine = testEngine();
    const opCase = fullCase(op);
    for (const [name, { shape, dtype }] of operandsOf(opCase)) {
      const tensors = tensorsOf(engine, opCase);
      const freed = allocate(engine, shape, dtype, 'the freed one');
      engine.release(freed);
      const error = errorOf(() => engine.run(op, withTensors(opCase, { ...tensors, [name]: freed })));
      expect(error, name).toBeInstanceOf(LifetimeError);
      expect(error).toMatchObject({ message: 'use of "the freed one" after it was freed', code: 'LIFETIME' });
      releaseAll(engine, tensors);
    }
  });

  it('refuses outputs that overlap another tensor, except where the contract lets them be the same', () => {
    using engine = testEngine();
    const opCase = fullCase(op);
    const { access, isAllowed } = aliasing(op);
    for (const [output, { shape, dtype }] of operandsOf(opCase)) {
      if (access.get(output) === 'read') continue;
      for (const [other, operand] of operandsOf(opCase)) {
        if (other === output || operand.dtype !== dtype) continue;
        const tensors = tensorsOf(engine, opCase);
        const shared = allocate(engine, [sizeOf(shape) + sizeOf(operand.shape)]);
        const start = { ...shared, shape: operand.shape };
        // One element further on overlaps too, as long as the other tensor has more than one.
        const offset = sizeOf(operand.shape) > 1 ? 1 : 0;
        const shifted = { ...shared, shape, offset };
        const run = (first: Tensor) =>
          errorOf(() => engine.run(op, withTensors(opCase, { ...tensors, [output]: first, [other]: start })));
        const allowed = isAllowed(output, other);
        if (offset > 0 || !allowed) expectOverlap(run(shifted), op, output, other);
        if (allowed) expect(run({ ...shared, shape })).toBeUndefined();
        else expectOverlap(run({ ...shared, shape }), op, output, other);
        engine.release(shared);
        releaseAll(engine, tensors);
      }
    }
  });
});

/** An op's access by name, and whether two of its tensors may be one. */
function aliasing<K extends OpName>(op: K) {
  const spec: OpSpec<OpArgs[K]> = ops[op];
  const pairs: readonly (readonly [string, string])[] = spec.inPlace ?? [];
  return {
    access: new Map<string, string>(Object.entries(spec.access)),
    isAllowed: (a: string, b: string) => pairs.some(([x, y]) => (x === a && y === b) || (x === b && y === a)),
  };
}

function expectOverlap(error: unknown, op: OpName, a: string, b: string): void {
  expect(error, `${a} on ${b}`).toBeInstanceOf(ShapeError);
  expect([`${op}: ${a} overlaps ${b}`, `${op}: ${b} overlaps ${a}`]).toContain((error as ShapeError).message);
}

describe('an engine', () => {
  it('refuses to write in place what takes other bytes than what it overwrites', () => {
    using engine = testEngine();
    const logits = allocate(engine, [2, 3], 'f32');
    const [targets, loss] = [allocate(engine, [2], 'i32'), allocate(engine, [1], 'f32')];
    const run = () =>
      engine.run('crossEntropy', { logits, targets, loss, dLogits: { ...logits, dtype: 'bf16' }, scale: 1 });
    expect(run).toThrow('crossEntropy: dLogits overlaps logits');
    releaseAll(engine, { logits, targets, loss });
  });

  it('refuses to free a tensor twice', () => {
    using engine = testEngine();
    const tensor = allocate(engine, [3], 'f32', 'layers.0.mlp');
    engine.release(tensor);
    const error = errorOf(() => engine.release(tensor));
    expect(error).toBeInstanceOf(LifetimeError);
    expect(error).toMatchObject({ message: '"layers.0.mlp" was freed twice' });
  });

  it('refuses to write, read or retain a tensor that was freed', () => {
    using engine = testEngine();
    const tensor = allocate(engine, [2], 'f32', 'gone');
    engine.release(tensor);
    expect(() => engine.write(tensor, new Float32Array(2))).toThrow(LifetimeError);
    expect(() => engine.read(tensor)).toThrow(LifetimeError);
    expect(() => engine.retain(tensor)).toThrow('use of "gone" after it was freed');
  });

  it('refuses views made by hand that have no elements or reach beyond their storage', () => {
    using engine = testEngine();
    const tensor = allocate(engine, [4, 2], 'f32', 'matrix');
    const fill = (view: Partial<Tensor>) => () => engine.run('fill', { out: { ...tensor, ...view }, value: 0 });
    expect(fill({ shape: [0, 2] })).toThrow(new ShapeError('fill out: [0, 2] is no shape with elements'));
    expect(fill({ shape: [2.5] })).toThrow(ShapeError);
    expect(fill({ offset: 1 })).toThrow(new ShapeError('fill out: [4, 2] from element 1 reaches beyond "matrix"'));
    expect(fill({ offset: -1 })).toThrow(ShapeError);
    expect(fill({ shape: [3, 3] })).toThrow(ShapeError);
    expect(fill({ shape: [7], offset: 1 })).not.toThrow();
    expect(() => engine.read({ ...tensor, shape: [9] })).toThrow(ShapeError);
    expect(() => engine.write({ ...tensor, shape: [9] }, new Float32Array(9))).toThrow(ShapeError);
  });

  it('reads the type of numbers that a tensor holds', async () => {
    using engine = testEngine();
    expect(await engine.read(allocate(engine, [2], 'u8'))).toEqual(new Uint8Array(2));
    expect(await engine.read(allocate(engine, [2], 'i32'))).toEqual(new Int32Array(2));
    expect(await engine.read(allocate(engine, [2], 'bf16'))).toEqual(new Float32Array(2));
  });

  it('refuses a view whose tensor was freed', () => {
    using engine = testEngine();
    const tensor = allocate(engine, [4, 2]);
    const view = rows(tensor, 1, 2);
    engine.release(tensor);
    expect(() => engine.run('fill', { out: view, value: 0 })).toThrow(LifetimeError);
  });

  it('keeps a tensor until its last reference is released', () => {
    using engine = testEngine();
    const tensor = engine.retain(allocate(engine, [4]));
    engine.release(tensor);
    expect(engine.ledger.live).toBe(16);
    engine.run('fill', { out: tensor, value: 1 });
    engine.release(tensor);
    expect(engine.ledger.live).toBe(0);
  });

  it('refuses shapes without elements and writes of another length', () => {
    using engine = testEngine();
    expect(() => allocate(engine, [3, 0], 'f32', 'empty')).toThrow(new ShapeError('empty: cannot allocate [3,0]'));
    const tensor = allocate(engine, [2, 3], 'f32', 'matrix');
    expect(() => engine.write(tensor, new Float32Array(5))).toThrow('write to "matrix" [2,3]: 5 values');
  });

  it.each([[[1.5]], [[-2, -3]], [[0.5, 4]]])('refuses a shape whose extents are no counts: %j', (shape) => {
    using engine = testEngine();
    expect(() => allocate(engine, shape)).toThrow(ShapeError);
  });

  it('does not count an op that was refused, nor keep its scratch', () => {
    using engine = testEngine();
    const [a, b, out] = [allocate(engine, [2, 3]), allocate(engine, [4, 2]), allocate(engine, [2, 2])];
    expect(() => engine.run('gemm', { a, b, out })).toThrow(ShapeError);
    expect(engine.flops).toBe(0);
    expect(engine.ledger.read().peakByRole.workspace).toBe(0);
  });
});

describe.each(computing)('the $name engine', ({ create }) => {
  const losses = ['nllLoss', 'nllLossBackward', 'crossEntropy'] as const;

  it.each(losses)('%s refuses targets outside the vocabulary, except the one that is ignored', (op) => {
    using engine = create();
    const logits = allocate(engine, [2, 5]);
    const [loss, targets] = [allocate(engine, [1]), allocate(engine, [2], 'i32')];
    engine.write(logits, new Float32Array(10));
    engine.write(loss, new Float32Array(1));
    const run = (target: number) => {
      engine.write(targets, Int32Array.from([0, target]));
      const common = { targets, scale: 1 };
      if (op === 'crossEntropy') engine.run(op, { logits, loss, ...common });
      else if (op === 'nllLoss') engine.run(op, { logProbs: logits, loss, ...common });
      else engine.run(op, { logProbs: logits, dLogits: logits, ...common });
    };
    for (const target of [5, -1, 2 ** 31 - 1]) expect(() => run(target)).toThrow(/outside/);
    for (const target of [0, 4, -100]) expect(() => run(target)).not.toThrow();
  });

  it('refuses token ids outside the table', () => {
    using engine = create();
    const [table, out] = [allocate(engine, [5, 3]), allocate(engine, [1, 3])];
    const ids = allocate(engine, [1], 'i32');
    engine.write(table, new Float32Array(15));
    for (const id of [5, -1, -100]) {
      engine.write(ids, Int32Array.from([id]));
      expect(() => engine.run('embedding', { ids, table, out })).toThrow(/outside/);
      expect(() => engine.run('embeddingBackward', { ids, dy: out, dTable: table })).toThrow(/outside/);
    }
  });
});
