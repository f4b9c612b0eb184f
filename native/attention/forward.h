// o = softmax(scale·q·kᵀ)·v, its probabilities dropped where the shape says so, by online softmax over tiles of 64 queries x 64 keys, and the log-sum-exp of every row.
// query, out [B·Tq, heads·d]; key, value [B·Tk, keyValueHeads·d]; logSumExp [B·Tq, heads].
#pragma once
#include "dropped-keys.h"
#include "tiles.h"

namespace COMPACT_TIER {
namespace {

/** Largest finite negative float: a masked score; infinities could meet and give NaN. */
constexpr float maskedScore = -3.4028234663852886e38f;

/** Row statistics of 64 queries, sixteen to a vector. */
struct OnlineSoftmax {
  Vec largest[queryVecs], sum[queryVecs];
};

/**
 * Turns scores Sᵀ [keys, 64] into exp(scale·s − max), as an operand, in place, updates max and sum, and writes to `shrink` the
 * factors by which what was summed with the old max has to be multiplied. What dropout drops counts in the sum, and becomes 0.
 *
 * @param firstRow index into logSumExp of the tile's first query
 */
template <class Scores>
INLINE void softmaxTile(const AttentionShape& s, OnlineSoftmax& state, float* scores, int64_t firstRow, int64_t firstKey,
                        int64_t keys, int64_t diagonal, const KeyRanges& ranges, float* shrink) {
  for (int part = 0; part < queryVecs; part++) {
    float* column = scores + part * lanes;
    Vec largest = state.largest[part];
    const Vec factor = set(s.scale);
    for (int64_t key = 0; key < keys; key++) {
      Vec score = mul(factor, load(column + key * attentionQueries));
      // Query i of the tile sees key j where i >= j − diagonal; the test is needed only for keys beyond the diagonal.
      if (key > diagonal) score = select(seesKey(key - diagonal, part), score, set(maskedScore));
      if (ranges.first != nullptr) score = select(outsideRange(ranges, firstKey + key, part), set(maskedScore), score);
      store(column + key * attentionQueries, score);
      largest = max(largest, score);
    }
    Vec total = zero();
    KeptKeys kept(s, firstRow + part * lanes * s.heads, firstKey);
    typename Scores::Column probabilities{column};
    for (int64_t key = 0; key < keys; key++) {
      const Vec p = exponential(sub(load(column + key * attentionQueries), largest));
      probabilities.put(key, kept.all() ? p : select(kept.next(key), p, zero()));
      total = add(total, p);
    }
    probabilities.end(keys);
    const Vec old = exponential(sub(state.largest[part], largest));
    store(shrink + part * lanes, old);
    state.sum[part] = fma(state.sum[part], old, total);
    state.largest[part] = largest;
  }
}

INLINE void scaleRows(float* out, int64_t step, const float* factors, int64_t rows, int64_t columns) {
  for (int64_t i = 0; i < rows; i++) {
    float* row = out + i * step;
    const Vec factor = set(factors[i]);
    forEachVec(columns, [&](auto at, auto put) { put(row, mul(factor, at(row))); });
  }
}

struct ForwardScratch {
  float *queries, *keys, *values, *sums, *scores, *factors;
  int32_t *firstKeys, *endKeys;
  ForwardScratch(const compact::AttentionCall& call, int thread) {
    const int64_t operand = compact::attentionOperandFloats(call.shape.headWidth);
    ScratchCursor cursor{call.scratch + thread * compact::attentionThreadFloats(call.shape.headWidth)};
    queries = cursor.take(operand);
    keys = cursor.take(operand);
    values = cursor.take(operand);
    sums = cursor.take(operand);
    scores = cursor.take(attentionQueries * attentionKeys);
    factors = cursor.take(attentionQueries);
    firstKeys = reinterpret_cast<int32_t*>(cursor.take(attentionQueries));
    endKeys = reinterpret_cast<int32_t*>(cursor.take(attentionQueries));
  }
};

/** 64 queries (fewer at the end) of one head over all keys that they see. */
template <class T, class Scores>
INLINE void attendQueries(const compact::AttentionCall& call, int64_t batch, int64_t head, int64_t firstQuery,
                          const ForwardScratch& scratch) {
  using Arithmetic = typename Scores::Arithmetic;
  const AttentionShape& s = call.shape;
  const int64_t d = s.headWidth, keyValueHead = head / (s.heads / s.keyValueHeads);
  const HeadRows<const T> query = queryRows(s, from<T>(call.query, 0), batch, head);
  const HeadRows<const T> key = keyRows(s, from<T>(call.key, 0), batch, keyValueHead);
  const HeadRows<const T> value = keyRows(s, from<T>(call.value, 0), batch, keyValueHead);
  const int64_t queries = smaller(attentionQueries, s.queryLength - firstQuery);
  const KeyRanges ranges = loadKeyRanges(call.keyRanges, batch * s.queryLength + firstQuery, queries,
                                         visibleKeys(s, firstQuery + queries), scratch.firstKeys, scratch.endKeys);
  const int64_t start = ranges.from / attentionKeys * attentionKeys;
  Arithmetic::packB(query.from(firstQuery, true), d, queries, scratch.queries);
  const int64_t filled = roundUp(queries, tileColumns);
  OnlineSoftmax state;
  for (int part = 0; part < queryVecs; part++) {
    state.largest[part] = set(maskedScore);
    state.sum[part] = zero();
  }
  for (int64_t first = start; first < ranges.to; first += attentionKeys) {
    const int64_t keys = smaller(attentionKeys, ranges.to - first);
    Arithmetic::packA(key.from(first, false), keys, d, scratch.keys);
    Arithmetic::packB(value.from(first, false), keys, d, scratch.values);
    multiplyPacked<Arithmetic>({scratch.keys, 0}, scratch.queries, keys, filled, d, scratch.scores, attentionQueries, false);
    // Lanes without a query: any finite score does, their sums are never read.
    for (int64_t row = 0; row < keys && filled < attentionQueries; row++) {
      for (int64_t lane = filled; lane < attentionQueries; lane += lanes) {
        store(scratch.scores + row * attentionQueries + lane, zero());
      }
    }
    const int64_t diagonal = s.causal ? firstQuery + s.keyLength - s.queryLength - first : s.keyLength;
    const int64_t firstRow = (batch * s.queryLength + firstQuery) * s.heads + head;
    softmaxTile<Scores>(s, state, scratch.scores, firstRow, first, keys, diagonal, ranges, scratch.factors);
    if (first > start) scaleRows(scratch.sums, d, scratch.factors, queries, d);
    multiplyPacked<Arithmetic>({scratch.scores, attentionQueries}, scratch.values, queries, d, keys, scratch.sums, d,
                               first > start);
  }
  float logSumExp[attentionQueries];
  for (int part = 0; part < queryVecs; part++) {
    store(scratch.factors + part * lanes, div(set(s.keptFactor), state.sum[part]));
    store(logSumExp + part * lanes, add(state.largest[part], logarithm(state.sum[part])));
  }
  scaleRows(scratch.sums, d, scratch.factors, queries, d);
  const HeadRows<T> out = queryRows(s, from<T>(call.out, 0), batch, head);
  for (int64_t i = 0; i < queries; i++) {
    const float* sums = scratch.sums + i * d;
    T* row = out.row(firstQuery + i);
    forEachVec(d, [&](auto at, auto put) { put(row, at(sums)); });
    call.logSumExp[(batch * s.queryLength + firstQuery + i) * s.heads + head] = logSumExp[i];
  }
}

/** One block per (sequence, head, 64 queries); the last queries, which see most keys, come first. */
template <class T, class Scores>
INLINE void attend(Pool* pool, const compact::AttentionCall& call) {
  const AttentionShape& s = call.shape;
  const int64_t queryBlocks = ceilDiv(s.queryLength, attentionQueries), sequences = s.batch * s.heads;
  parallelBlocks(pool, queryBlocks * sequences, [&](int64_t block, int thread) {
    const int64_t queryBlock = queryBlocks - 1 - block / sequences, sequence = block % sequences;
    attendQueries<T, Scores>(call, sequence / s.heads, sequence % s.heads, queryBlock * attentionQueries,
                             ForwardScratch(call, thread));
  });
}

}  // namespace
}  // namespace COMPACT_TIER
