// Backward of attention: P = exp(scale·q·kᵀ − lse), dv += (P∘M)ᵀ·do, dS = P∘((do·vᵀ)∘M − rowsum(do∘o)), dq += scale·dS·k,
// dk += scale·dSᵀ·q, where M is dropout's mask/(1 − p). Shapes as in forward.h; the gradients have the shapes of what they belong to.
//
// One task per 64 keys of a key/value head: it alone sums their dk and dv. All tasks of a head add to its dq, in the order of
// their keys, so a head is shared by threads and the bits do not depend on them.
#pragma once
#include "dropped-keys.h"
#include "tiles.h"
#include "turns.h"

namespace COMPACT_TIER {
namespace {

struct BackwardScratch {
  /** Packed operands: `...Tiles` as A, `...Panels` as B with the head width as depth, `...Rows` as B with rows as depth. */
  float *keyTiles, *keyRows, *valueTiles, *queryPanels, *queryRows, *outPanels, *outRows;
  /** dk and dv of the task's keys, [keys, d]. */
  float *keySums, *valueSums;
  /** qᵀk and do·vᵀ as [keys, queries], then what they become; and (P∘M)ᵀ and dSᵀ with queries as depth. */
  float *weights, *slopes, *weightsByQuery, *slopesByQuery;
  float *logSumExp, *rowSums;
  int32_t *firstKeys, *endKeys;

  BackwardScratch(const compact::AttentionBackwardCall& call, float* start, int thread) {
    const int64_t operand = compact::attentionOperandFloats(call.shape.headWidth);
    const int64_t tile = attentionQueries * attentionKeys + compact::gemmSlack;
    ScratchCursor cursor{start + thread * compact::attentionThreadFloats(call.shape.headWidth)};
    float** const operands[] = {&keyTiles,  &keyRows,   &valueTiles, &queryPanels, &queryRows,
                                &outPanels, &outRows,   &keySums,    &valueSums};
    for (float** piece : operands) *piece = cursor.take(operand);
    float** const tiles[] = {&weights, &slopes, &weightsByQuery, &slopesByQuery};
    for (float** piece : tiles) *piece = cursor.take(tile);
    logSumExp = cursor.take(attentionQueries);
    rowSums = cursor.take(attentionQueries);
    firstKeys = reinterpret_cast<int32_t*>(cursor.take(attentionQueries));
    endKeys = reinterpret_cast<int32_t*>(cursor.take(attentionQueries));
  }
};

/** What all tasks share. */
template <class T>
struct Backward {
  const compact::AttentionBackwardCall& call;
  const float* rowSums;
  /** Per sequence, head and 64 queries: how many blocks of keys have added to dq. */
  int32_t* turns;
  /** Sums of dq, [B·Tq, heads·d]. */
  float* queryGradient;
  float* threadScratch;

  Backward(const compact::AttentionBackwardCall& backwardCall) : call(backwardCall) {
    const compact::AttentionSharedFloats shared(call.shape, call.stored);
    rowSums = call.scratch;
    turns = reinterpret_cast<int32_t*>(call.scratch + shared.rowSums);
    queryGradient = shared.queryGradient > 0 ? call.scratch + shared.rowSums + shared.turns
                                             : static_cast<float*>(call.dQuery);
    threadScratch = call.scratch + shared.floats();
  }
};

/**
 * (P∘M)ᵀ from scores and dSᵀ from P and do·vᵀ, scale included in dSᵀ.
 *
 * @param firstRow index into logSumExp of the tile's first query
 */
template <class Gradients>
INLINE void scoreGradients(const AttentionShape& s, const BackwardScratch& scratch, const Gradients& gradients,
                           int64_t firstRow, int64_t firstKey, int64_t keys, int64_t diagonal, const KeyRanges& ranges) {
  const Vec factor = set(s.scale), keptFactor = set(s.keptFactor);
  for (int part = 0; part < queryVecs; part++) {
    const Vec logSumExp = load(scratch.logSumExp + part * lanes), rowSum = load(scratch.rowSums + part * lanes);
    KeptKeys kept(s, firstRow + part * lanes * s.heads, firstKey);
    auto out = gradients.columns(part * lanes);
    for (int64_t key = 0; key < keys; key++) {
      const int64_t place = key * attentionQueries + part * lanes;
      Vec p = exponential(sub(mul(factor, load(scratch.weights + place)), logSumExp));
      if (key > diagonal) p = select(seesKey(key - diagonal, part), p, zero());
      if (ranges.first != nullptr) p = select(outsideRange(ranges, firstKey + key, part), zero(), p);
      Vec used = p, dProbability = load(scratch.slopes + place);
      if (!kept.all()) {
        const Vec mask = select(kept.next(key), keptFactor, zero());
        used = mul(mask, p);
        dProbability = mul(mask, dProbability);
      }
      out.put(key, used, mul(factor, mul(p, sub(dProbability, rowSum))));
    }
    out.end(keys);
  }
}

/** Rows of keys, 64 queries each, as an A operand that sums over `queries` of them: a matrix [steps][64 keys]. */
template <class Source>
INLINE void transposeRows(const typename Source::Element* rows, int64_t keys, int64_t queries, float* to) {
  for (int64_t key = 0; key < keys; key += lanes) {
    const auto* x = rows + key * attentionQueries;
    if (keys - key >= lanes) packTransposing<Source>(x, attentionQueries, lanes, queries, to + key, attentionKeys);
    else packTransposing<Source>(x, attentionQueries, static_cast<int>(keys - key), queries, to + key, attentionKeys);
  }
}

/** Rows of f32 sums as they are stored. */
template <class T>
INLINE void storeRows(const float* sums, int64_t sumStep, T* out, int64_t step, int64_t rows, int64_t columns) {
  for (int64_t i = 0; i < rows; i++) {
    const float* sum = sums + i * sumStep;
    T* row = out + i * step;
    forEachVec(columns, [&](auto at, auto put) { put(row, at(sum)); });
  }
}

/** 64 keys against 64 queries of one head that see some of them: adds to the sums of dk and dv, and in its turn to dq. */
template <class T, class Scores>
INLINE void attendTile(const Backward<T>& all, int64_t batch, int64_t head, int64_t firstQuery, int64_t firstKey,
                       int64_t keys, const KeyRanges& ranges, bool first, const BackwardScratch& scratch) {
  using Arithmetic = typename Scores::Arithmetic;
  const AttentionShape& s = all.call.shape;
  const int64_t d = s.headWidth, queries = smaller(attentionQueries, s.queryLength - firstQuery);
  const HeadRows<const T> query = queryRows(s, from<T>(all.call.query, 0), batch, head);
  const HeadRows<const T> dOut = queryRows(s, from<T>(all.call.dOut, 0), batch, head);
  Arithmetic::packB(query.from(firstQuery, true), d, queries, scratch.queryPanels);
  Arithmetic::packB(query.from(firstQuery, false), queries, d, scratch.queryRows);
  Arithmetic::packB(dOut.from(firstQuery, true), d, queries, scratch.outPanels);
  Arithmetic::packB(dOut.from(firstQuery, false), queries, d, scratch.outRows);
  for (int64_t i = 0; i < attentionQueries; i++) {
    const int64_t row = (batch * s.queryLength + firstQuery + smaller(i, queries - 1)) * s.heads + head;
    scratch.logSumExp[i] = all.call.logSumExp[row];
    scratch.rowSums[i] = all.rowSums[row];
  }
  multiplyPacked<Arithmetic>({scratch.keyTiles, 0}, scratch.queryPanels, keys, queries, d, scratch.weights, attentionQueries,
                             false);
  multiplyPacked<Arithmetic>({scratch.valueTiles, 0}, scratch.outPanels, keys, queries, d, scratch.slopes, attentionQueries,
                             false);
  const int64_t diagonal = s.causal ? firstQuery + s.keyLength - s.queryLength - firstKey : s.keyLength;
  const int64_t firstRow = (batch * s.queryLength + firstQuery) * s.heads + head;
  // The transposes leave room for rows that are not written over the scores: a step of them is two queries.
  constexpr int64_t room = attentionQueries * attentionKeys / 2;
  const typename Scores::Gradients gradients(scratch.weights, scratch.slopes, scratch.weightsByQuery + room,
                                             scratch.slopesByQuery + room);
  scoreGradients(s, scratch, gradients, firstRow, firstKey, keys, diagonal, ranges);
  transposeRows<typename Scores::Source>(gradients.weightRows(), keys, queries, scratch.weightsByQuery);
  transposeRows<typename Scores::Source>(gradients.slopeRows(), keys, queries, scratch.slopesByQuery);
  multiplyPacked<Arithmetic>({scratch.weightsByQuery, attentionKeys}, scratch.outRows, keys, d, queries, scratch.valueSums, d,
                             !first);
  multiplyPacked<Arithmetic>({scratch.slopesByQuery, attentionKeys}, scratch.queryRows, keys, d, queries, scratch.keySums, d,
                             !first);

  const int64_t queryBlocks = ceilDiv(s.queryLength, attentionQueries);
  int32_t* turn = all.turns + (batch * s.heads + head) * queryBlocks + firstQuery / attentionQueries;
  const HeadRows<float> sums = queryRows(s, all.queryGradient, batch, head);
  const int32_t position = static_cast<int32_t>(firstKey / attentionKeys - ranges.from / attentionKeys);
  awaitTurn(turn, position);
  // The first keys that any of these queries sees start dq.
  multiplyPacked<Arithmetic>({scratch.slopes, attentionQueries}, scratch.keyRows, queries, d, keys, sums.row(firstQuery),
                             sums.step, position > 0);
  if (sizeof(T) == 2 && firstKey + attentionKeys >= ranges.to) {
    const HeadRows<T> dQuery = queryRows(s, from<T>(all.call.dQuery, 0), batch, head);
    storeRows(sums.row(firstQuery), sums.step, dQuery.row(firstQuery), dQuery.step, queries, d);
  }
  passTurn(turn, position + 1);
}

/** 64 keys of one key/value head of one sequence, against all queries that see any of them. */
template <class T, class Scores>
INLINE void attendKeys(const Backward<T>& all, int64_t batch, int64_t keyValueHead, int64_t firstKey,
                       const BackwardScratch& scratch) {
  using Arithmetic = typename Scores::Arithmetic;
  const AttentionShape& s = all.call.shape;
  const int64_t d = s.headWidth, group = s.heads / s.keyValueHeads;
  const int64_t keys = smaller(attentionKeys, s.keyLength - firstKey);
  const HeadRows<const T> key = keyRows(s, from<T>(all.call.key, 0), batch, keyValueHead);
  const HeadRows<const T> value = keyRows(s, from<T>(all.call.value, 0), batch, keyValueHead);
  Arithmetic::packA(key.from(firstKey, false), keys, d, scratch.keyTiles);
  Arithmetic::packB(key.from(firstKey, false), keys, d, scratch.keyRows);
  Arithmetic::packA(value.from(firstKey, false), keys, d, scratch.valueTiles);
  bool first = true;
  for (int64_t head = keyValueHead * group; head < (keyValueHead + 1) * group; head++) {
    for (int64_t firstQuery = 0; firstQuery < s.queryLength; firstQuery += attentionQueries) {
      const int64_t queries = smaller(attentionQueries, s.queryLength - firstQuery);
      const KeyRanges ranges = loadKeyRanges(all.call.keyRanges, batch * s.queryLength + firstQuery, queries,
                                             visibleKeys(s, firstQuery + queries), scratch.firstKeys, scratch.endKeys);
      if (firstKey >= ranges.to || firstKey + keys <= ranges.from) continue;
      attendTile<T, Scores>(all, batch, head, firstQuery, firstKey, keys, ranges, first, scratch);
      first = false;
    }
  }
  // Keys that no query sees, padding for example.
  for (int64_t i = 0; first && i < keys * d; i++) scratch.keySums[i] = scratch.valueSums[i] = 0;
  const HeadRows<T> dKey = keyRows(s, from<T>(all.call.dKey, 0), batch, keyValueHead);
  const HeadRows<T> dValue = keyRows(s, from<T>(all.call.dValue, 0), batch, keyValueHead);
  storeRows(scratch.keySums, d, dKey.row(firstKey), dKey.step, keys, d);
  storeRows(scratch.valueSums, d, dValue.row(firstKey), dValue.step, keys, d);
}

template <class T, class Scores>
INLINE void attendBackward(Pool* pool, const compact::AttentionBackwardCall& call) {
  const AttentionShape& s = call.shape;
  const int64_t rows = s.batch * s.queryLength, d = s.headWidth, chains = s.batch * s.keyValueHeads;
  const Backward<T> all(call);
  const T *dOut = from<T>(call.dOut, 0), *out = from<T>(call.out, 0);
  parallelRanges(pool, rows, rowGrain(s.heads * d), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin * s.heads; i < end * s.heads; i++) call.scratch[i] = dotProduct(dOut + i * d, out + i * d, d);
  });
  const int64_t turns = s.batch * s.heads * ceilDiv(s.queryLength, attentionQueries);
  for (int64_t i = 0; i < turns; i++) all.turns[i] = 0;
  // Tasks next to each other belong to different heads, where there are several, and need not wait.
  parallelBlocks(pool, ceilDiv(s.keyLength, attentionKeys) * chains, [&](int64_t block, int thread) {
    const int64_t chain = block % chains;
    attendKeys<T, Scores>(all, chain / s.keyValueHeads, chain % s.keyValueHeads, block / chains * attentionKeys,
                          BackwardScratch(call, all.threadScratch, thread));
  });
}

}  // namespace
}  // namespace COMPACT_TIER
