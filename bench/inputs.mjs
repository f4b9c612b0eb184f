// What every participant written in JavaScript computes on, so that all see the same numbers.

/** @param {import('./protocol.mjs').Workload} workload @returns token ids, [batch·seq]; each is its own target */
export function tokenIds({ batch, seq, vocab }) {
  return Int32Array.from({ length: batch * seq }, (_, index) => (index * 7919) % vocab);
}

/** @param {import('./protocol.mjs').Workload} workload @returns rotary tables, [seq, head size] each, in the half-split layout */
export function rotaryTables({ hidden, heads, seq }) {
  const size = hidden / heads;
  const angles = Array.from({ length: seq * size }, (_, index) => {
    const pair = (index % size) % (size / 2);
    return Math.floor(index / size) / 10000 ** ((2 * pair) / size);
  });
  return { cos: Float32Array.from(angles, Math.cos), sin: Float32Array.from(angles, Math.sin) };
}

/** @param {import('./protocol.mjs').Workload} workload @returns what is added to scores, [seq, seq] */
export function causalMask({ seq }) {
  return Float32Array.from({ length: seq * seq }, (_, index) => (index % seq > Math.floor(index / seq) ? -1e9 : 0));
}
