import { type DType, type Engine, rows, type Spill, type SpilledTensor, type Tensor } from '../engine/index.js';
import type { Kept, Value } from '../tape/index.js';
import { blockOf } from './block-of.js';
import { keepEncodedValue } from './restoring.js';

/** A tensor on the slower tier, on its way there, or on its way back. */
interface Item {
  readonly value: Value;
  readonly dtype: DType;
  readonly block: number;
  /** How many of the value's rows were moved out. */
  readonly tokens: number;
  readonly spilled: SpilledTensor;
  /** The last transfer asked for. */
  transfer: number;
  /** Memory of the tensor, as long as a transfer may touch it or until somebody takes it. */
  tensor: Tensor | undefined;
  /** Whether backward has had it. */
  taken: boolean;
}

/**
 * `offload`: tensors are moved to a slower tier while others are computed (MEMO, arXiv 2407.12117). Two blocks of the model are
 * in flight at a time: in forward, a block's memory is freed when the block after the next is reached; in backward, the
 * tensors of the block before are fetched while a block is at work. All of this is decided by the order of the slots alone,
 * never by how far a transfer is, so that memory is the same in every run.
 */
export class Offloader {
  readonly #engine: Engine;
  readonly #spill: Spill;
  readonly #items = new Map<number, Set<Item>>();
  #block = -1;

  constructor(engine: Engine, spill: Spill) {
    this.#engine = engine;
    this.#spill = spill;
  }

  /** Forward has come to this slot: what left two blocks ago must have arrived. */
  reach(slot: string): void {
    const block = blockOf(slot);
    if (block === undefined || block === this.#block) return;
    this.#block = block;
    for (const [earlier, items] of this.#items) {
      if (earlier <= block - 2) for (const item of items) this.#settle(item);
    }
  }

  /** Keeps a value by moving its first tokens out, at least one; backward computes the others again. */
  keep(slot: string, value: Value, tokens: number): Kept {
    value.keepEncoded(tokens === value.shape[0] ? 'offload' : 'offload-part', () => {
      const { spilled, transfer } = this.#spill.moveOut(rows(value.tensor, 0, tokens));
      const block = blockOf(slot) ?? -1;
      const tensor = this.#engine.retain(value.tensor);
      const item: Item = { value, dtype: tensor.dtype, block, tokens, spilled, transfer, tensor, taken: false };
      const items = this.#items.get(block) ?? new Set<Item>();
      this.#items.set(block, items.add(item));
      return { restore: () => this.#take(item), free: () => this.#drop(item) };
    });
    return keepEncodedValue(value);
  }

  /** The tensor, now owned by the caller; what is needed next, here and in the block before, is on its way. */
  #take(item: Item): Tensor {
    for (const block of [item.block, item.block - 1]) {
      // Backward asks for the last first.
      for (const other of [...(this.#items.get(block) ?? [])].reverse()) if (!other.taken) this.#fetch(other);
    }
    const tensor = this.#fetch(item);
    this.#spill.wait(item.transfer);
    item.tensor = undefined;
    item.taken = true;
    const { value, tokens } = item;
    const others = value.shape[0] - tokens;
    if (others > 0) value.recomputeRows(tokens, rows(tensor, tokens, others));
    return tensor;
  }

  /** Begins to bring a tensor back, unless it is there or coming already. */
  #fetch(item: Item): Tensor {
    if (item.tensor) return item.tensor;
    const { value, dtype } = item;
    item.tensor = this.#engine.allocate({ shape: value.shape, dtype, role: 'activation', name: value.name });
    item.transfer = this.#spill.moveIn(item.spilled, rows(item.tensor, 0, item.tokens));
    return item.tensor;
  }

  /** Waits for the last transfer and frees the memory. */
  #settle(item: Item): void {
    if (!item.tensor) return;
    this.#spill.wait(item.transfer);
    this.#engine.release(item.tensor);
    item.tensor = undefined;
  }

  #drop(item: Item): void {
    this.#settle(item);
    this.#spill.drop(item.spilled);
    const items = this.#items.get(item.block);
    items?.delete(item);
    if (items?.size === 0) this.#items.delete(item.block);
  }
}
