import type { Engine } from '../../src/engine/index.js';
import type { CausalModel, KeyValueCache } from '../../src/models/index.js';
import { Tape } from '../../src/tape/index.js';

/** Logits after the last of these ids, given what the cache holds. */
export async function nextLogits(engine: Engine, model: CausalModel, cache: KeyValueCache, ids: readonly number[]) {
  const tensor = engine.allocate({ shape: [ids.length], dtype: 'i32', role: 'data', name: 'ids' });
  engine.write(tensor, Int32Array.from(ids));
  const logits = model.nextLogits(new Tape(engine), { ids: tensor, batch: 1, sequenceLength: ids.length }, cache);
  const values = Float64Array.from(await engine.read(logits));
  engine.release(logits);
  engine.release(tensor);
  return values;
}
