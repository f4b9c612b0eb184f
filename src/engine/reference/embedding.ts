import type { EmbeddingArgs, EmbeddingBackwardArgs } from '../contract/embedding.js';
import { matrix } from '../contract/spec.js';
import { checkIds } from './ids.js';
import type { ReferenceMemory } from './memory.js';

/** out[i] = table[ids[i]]. */
export function embedding(memory: ReferenceMemory, args: EmbeddingArgs): void {
  const [tokens, width] = matrix('embedding out', args.out);
  const ids = memory.integers(args.ids);
  const table = memory.floats(args.table);
  const out = memory.floats(args.out);
  checkIds('embedding', ids, args.table.shape[0]);
  for (let i = 0; i < tokens; i++) out.set(table.subarray(ids[i] * width, (ids[i] + 1) * width), i * width);
}

/** dTable[ids[i]] += dy[i]. */
export function embeddingBackward(memory: ReferenceMemory, args: EmbeddingBackwardArgs): void {
  const [tokens, width] = matrix('embeddingBackward dy', args.dy);
  const ids = memory.integers(args.ids);
  const dy = memory.floats(args.dy);
  const dTable = memory.floats(args.dTable);
  checkIds('embeddingBackward', ids, args.dTable.shape[0]);
  for (let i = 0; i < tokens; i++) {
    const row = ids[i] * width;
    for (let j = 0; j < width; j++) dTable[row + j] += dy[i * width + j];
  }
}
