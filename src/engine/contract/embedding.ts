import { byteLength, type Tensor } from '../tensor.js';
import { expectShape, expectTensor, matrix, type OpSpec } from './spec.js';

/** Rows of a table by token id: out[i] = table[ids[i]]. Ids must lie in [0, V); callers check them where they enter. */
export interface EmbeddingArgs {
  /** [N], i32. */
  readonly ids: Tensor;
  /** [V, n]. */
  readonly table: Tensor;
  /** [N, n]. */
  readonly out: Tensor;
}

export const embedding: OpSpec<EmbeddingArgs> = {
  access: { ids: 'read', table: 'read', out: 'write' },
  storage: [['table', 'out']],
  check({ ids, table, out }) {
    const [, width] = matrix('embedding table', table);
    const [tokens] = matrix('embedding out', out);
    expectTensor('embedding ids', ids, [tokens], 'i32');
    expectShape('embedding out', out, [tokens, width]);
  },
  flops: () => 0,
  traffic: ({ ids, out }) => byteLength(ids.shape, ids.dtype) + 2 * byteLength(out.shape, out.dtype),
};

/** Gradient of the table: dTable[ids[i]] += dy[i], each row summed in the order of i, in f32, and stored once. */
export interface EmbeddingBackwardArgs {
  /** [N], i32. */
  readonly ids: Tensor;
  /** [N, n]. */
  readonly dy: Tensor;
  /** [V, n]; rows that no id names are left as they are. */
  readonly dTable: Tensor;
}

export const embeddingBackward: OpSpec<EmbeddingBackwardArgs> = {
  access: { ids: 'read', dy: 'read', dTable: 'update' },
  storage: [['dy', 'dTable']],
  check({ ids, dy, dTable }) {
    const [, width] = matrix('embeddingBackward dTable', dTable);
    const [tokens] = matrix('embeddingBackward dy', dy);
    expectTensor('embeddingBackward ids', ids, [tokens], 'i32');
    expectShape('embeddingBackward dy', dy, [tokens, width]);
  },
  flops: () => 0,
  traffic: ({ ids, dy }) => byteLength(ids.shape, ids.dtype) + 3 * byteLength(dy.shape, dy.dtype),
  /** The tokens in the order of their ids, twice: a radix sort moves them from one place to the other. */
  scratch: ({ ids }) => 2 * 4 * (ids.shape[0] ?? 0),
};
