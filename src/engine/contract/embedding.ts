import { byteLength, type Tensor } from '../tensor.js';
import { expectTensor, matrix, type OpSpec } from './spec.js';

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
  check({ ids, table, out }) {
    const [, width] = matrix('embedding table', table);
    const [tokens] = matrix('embedding out', out);
    expectTensor('embedding ids', ids, [tokens], 'i32');
    expectTensor('embedding table', table, table.shape);
    expectTensor('embedding out', out, [tokens, width]);
  },
  flops: () => 0,
  traffic: ({ ids, out }) => byteLength(ids.shape, ids.dtype) + 2 * byteLength(out.shape, out.dtype),
};

/** Gradient of the table: dTable[ids[i]] += dy[i], each row summed in the order of i. */
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
  check({ ids, dy, dTable }) {
    const [, width] = matrix('embeddingBackward dTable', dTable);
    const [tokens] = matrix('embeddingBackward dy', dy);
    expectTensor('embeddingBackward ids', ids, [tokens], 'i32');
    expectTensor('embeddingBackward dy', dy, [tokens, width]);
    expectTensor('embeddingBackward dTable', dTable, dTable.shape);
  },
  flops: () => 0,
  traffic: ({ ids, dy }) => byteLength(ids.shape, ids.dtype) + 3 * byteLength(dy.shape, dy.dtype),
};
