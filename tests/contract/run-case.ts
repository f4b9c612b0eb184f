import type { OpSpec } from '../../src/engine/contract/spec.js';
import {
  type Engine,
  type LedgerReading,
  type Numbers,
  type OpArgs,
  type OpName,
  ops,
  sizeOf,
  type Tensor,
} from '../../src/engine/index.js';
import { contractCases } from './cases.js';
import type { OpCase } from './op-case.js';
import { type Operand, valuesOf } from './operands.js';

/** What running a case left behind. */
export interface CaseResult {
  /** Values of all tensors that the op may write. */
  readonly outputs: ReadonlyMap<string, Numbers>;
  /** Sentences on what the op should not have touched. */
  readonly violations: readonly string[];
  /** Ledger just after the op, before the operands are freed. */
  readonly reading: LedgerReading;
  readonly flops: number;
}

export type Inputs = ReadonlyMap<string, Numbers | undefined>;

/** Every op with every of its cases, in an order that does not change. */
export function forEachCase(visit: <K extends OpName>(op: K, opCase: OpCase<K>) => void): void {
  const visitOp = <K extends OpName>(op: K) => {
    for (const opCase of contractCases[op].cases) visit(op, opCase);
  };
  for (const op of Object.keys(contractCases) as OpName[]) visitOp(op);
}

/** Values of the operands, the same in every call. */
export async function inputsOf<K extends OpName>(op: K, opCase: OpCase<K>): Promise<Inputs> {
  const { operands, scalars, label } = opCase;
  const prepared = await contractCases[op].prepare?.(operands, scalars, label);
  const all = Object.entries<Operand>({ ...operands, ...prepared });
  return new Map(all.map(([name, operand]) => [name, valuesOf(operand, op, label, name)]));
}

/** Elements before and after each operand that are watched. */
export interface Guard {
  readonly before: number;
  readonly after: number;
}

/**
 * Runs a case with every operand in the middle of a larger tensor, so that writes beyond it show and, as half of the
 * neighbours are NaN, so do reads beyond it. Outputs start as NaN. Frees everything.
 */
export async function runCase<K extends OpName>(
  engine: Engine,
  op: K,
  opCase: OpCase<K>,
  inputs: Inputs,
  guard: Guard = { before: 5, after: 37 },
): Promise<CaseResult> {
  engine.ledger.resetPeak();
  const flopsBefore = engine.flops;
  const [aliasOutput, aliasInput] = opCase.inPlace ?? [];
  const guarded = new Map<string, GuardedTensor>();
  for (const [name, operand] of Object.entries<Operand>({ ...opCase.operands })) {
    if (name !== aliasOutput) guarded.set(name, await allocateGuarded(engine, name, operand, inputs.get(name), guard));
  }
  const aliased = aliasInput === undefined ? undefined : guarded.get(aliasInput);
  const views: Record<string, Tensor> = Object.fromEntries([...guarded].map(([name, { view }]) => [name, view]));
  if (aliasOutput && aliased) views[aliasOutput] = aliased.view;

  engine.run(op, withTensors(opCase, views));

  const reading = engine.ledger.read();
  const access: OpSpec<OpArgs[K]>['access'] = (ops[op] as OpSpec<OpArgs[K]>).access;
  const accessOf = new Map<string, string>(Object.entries(access));
  const outputs = new Map<string, Numbers>();
  const violations: string[] = [];
  for (const [name, { whole, view, initial }] of guarded) {
    const found = await engine.read(whole);
    const names = [name, ...(aliasOutput && aliased?.view === view ? [aliasOutput] : [])];
    const written = names.find((each) => accessOf.get(each) !== 'read');
    const end = guard.before + sizeOf(view.shape);
    if (written) outputs.set(written, found.slice(guard.before, end));
    for (let i = 0; i < found.length; i++) {
      const mayChange = written !== undefined && i >= guard.before && i < end;
      if (mayChange || Object.is(found[i], initial[i])) continue;
      violations.push(
        `${name}: element ${i - guard.before} of ${end - guard.before} was ${initial[i]}, is ${found[i]}`,
      );
      break;
    }
    engine.release(whole);
  }
  if (engine.ledger.live !== 0) violations.push(`${engine.ledger.live} bytes are live after the case`);
  return { outputs, violations, reading, flops: engine.flops - flopsBefore };
}

/** The op's arguments: the case's numbers and these tensors, which together are all there are (see `Operands`, `Scalars`). */
export function withTensors<K extends OpName>(opCase: OpCase<K>, tensors: Record<string, Tensor>): OpArgs[K] {
  return Object.assign(Object.create(null), opCase.scalars, tensors);
}

interface GuardedTensor {
  readonly whole: Tensor;
  readonly view: Tensor;
  /** Contents of `whole` before the op. */
  readonly initial: Numbers;
}

async function allocateGuarded(
  engine: Engine,
  name: string,
  { shape, dtype }: Operand,
  values: Numbers | undefined,
  { before, after }: Guard,
): Promise<GuardedTensor> {
  const size = sizeOf(shape);
  const whole = engine.allocate({ shape: [before + size + after], dtype, role: 'activation', name });
  const contents = new Float64Array(before + size + after);
  // Integers have no NaN; 0 is at least an id that exists.
  if (dtype === 'f32' || dtype === 'bf16') {
    contents.fill(Number.NaN, before, before + size);
    for (let i = 0; i < contents.length; i++) {
      if (i < before || i >= before + size) contents[i] = i % 2 === 0 ? Number.NaN : -1536;
    }
  }
  if (values) contents.set(values, before);
  engine.write(whole, dtype === 'i32' ? Int32Array.from(contents) : contents);
  return { whole, view: { ...whole, shape, offset: before }, initial: await engine.read(whole) };
}
