// Backward of attention: P = exp(scale·q·kᵀ − lse), dv += Pᵀ·do, dS = P∘(do·vᵀ − rowsum(do∘o)), dq += scale·dS·k,
// dk += scale·dSᵀ·q. Shapes as in forward.h; the gradients have the shapes of what they belong to.
#pragma once
#include "tiles.h"

namespace COMPACT_TIER {
namespace {

struct BackwardScratch {
  /** Packed operands: `...Tiles` as A, `...Panels` as B with the head width as depth, `...Rows` as B with rows as depth. */
  float *keyTiles, *keyRows, *valueTiles, *queryPanels, *queryRows, *outPanels, *outRows;
  /** Pᵀ and dSᵀ as [keys, queries], and the same packed as A with queries as depth. */
  float *weights, *slopes, *weightTiles, *slopeTiles;
  float *logSumExp, *rowSums;

  BackwardScratch(const compact::AttentionBackwardCall& call, int64_t rowSumFloats, int thread) {
    const int64_t operand = compact::attentionOperandFloats(call.shape.headWidth);
    const int64_t tile = attentionQueries * attentionKeys + compact::gemmSlack;
    ScratchCursor cursor{call.scratch + rowSumFloats + thread * compact::attentionThreadFloats(call.shape.headWidth)};
    float** const operands[] = {&keyTiles, &keyRows, &valueTiles, &queryPanels, &queryRows, &outPanels, &outRows};
    for (float** piece : operands) *piece = cursor.take(operand);
    float** const tiles[] = {&weights, &slopes, &weightTiles, &slopeTiles};
    for (float** piece : tiles) *piece = cursor.take(tile);
    logSumExp = cursor.take(attentionQueries);
    rowSums = cursor.take(attentionQueries);
  }
};

/** Pᵀ from scores and dSᵀ from P and do·vᵀ, both in place, scale included in dSᵀ. */
INLINE void scoreGradients(const BackwardScratch& scratch, int64_t keys, float scale, int64_t diagonal) {
  const Vec factor = set(scale);
  for (int part = 0; part < queryVecs; part++) {
    const Vec logSumExp = load(scratch.logSumExp + part * lanes), rowSum = load(scratch.rowSums + part * lanes);
    for (int64_t key = 0; key < keys; key++) {
      float* weight = scratch.weights + key * attentionQueries + part * lanes;
      float* slope = scratch.slopes + key * attentionQueries + part * lanes;
      Vec p = exponential(sub(mul(factor, load(weight)), logSumExp));
      if (key > diagonal) p = select(seesKey(key - diagonal, part), p, zero());
      store(weight, p);
      store(slope, mul(factor, mul(p, sub(load(slope), rowSum))));
    }
  }
}

/** All tiles of one key/value head of one sequence, hence sole owner of its dk and dv and of its query heads' dq. */
INLINE void attendBackward(const compact::AttentionBackwardCall& call, int64_t batch, int64_t keyValueHead,
                           const BackwardScratch& scratch) {
  const AttentionShape& s = call.shape;
  const int64_t d = s.headWidth, group = s.heads / s.keyValueHeads;
  const HeadRows<const float> key = keyRows(s, call.key, batch, keyValueHead);
  const HeadRows<const float> value = keyRows(s, call.value, batch, keyValueHead);
  const HeadRows<float> dKey = keyRows(s, call.dKey, batch, keyValueHead);
  const HeadRows<float> dValue = keyRows(s, call.dValue, batch, keyValueHead);
  for (int64_t firstKey = 0; firstKey < s.keyLength; firstKey += attentionKeys) {
    const int64_t keys = smaller(attentionKeys, s.keyLength - firstKey);
    packTiles({key.row(firstKey), key.step, false}, keys, d, scratch.keyTiles);
    packPanels({key.row(firstKey), key.step, false}, keys, d, scratch.keyRows);
    packTiles({value.row(firstKey), value.step, false}, keys, d, scratch.valueTiles);
    bool first = true;
    for (int64_t head = keyValueHead * group; head < (keyValueHead + 1) * group; head++) {
      const HeadRows<const float> query = queryRows(s, call.query, batch, head);
      const HeadRows<const float> dOut = queryRows(s, call.dOut, batch, head);
      const HeadRows<float> dQuery = queryRows(s, call.dQuery, batch, head);
      for (int64_t firstQuery = 0; firstQuery < s.queryLength; firstQuery += attentionQueries) {
        const int64_t queries = smaller(attentionQueries, s.queryLength - firstQuery);
        if (firstKey >= visibleKeys(s, firstQuery + queries)) continue;
        packPanels({query.row(firstQuery), query.step, true}, d, queries, scratch.queryPanels);
        packPanels({query.row(firstQuery), query.step, false}, queries, d, scratch.queryRows);
        packPanels({dOut.row(firstQuery), dOut.step, true}, d, queries, scratch.outPanels);
        packPanels({dOut.row(firstQuery), dOut.step, false}, queries, d, scratch.outRows);
        for (int64_t i = 0; i < attentionQueries; i++) {
          const int64_t row = (batch * s.queryLength + firstQuery + smaller(i, queries - 1)) * s.heads + head;
          scratch.logSumExp[i] = call.logSumExp[row];
          scratch.rowSums[i] = call.scratch[row];
        }
        multiplyPacked({scratch.keyTiles, 0}, scratch.queryPanels, keys, queries, d, scratch.weights, attentionQueries,
                       false);
        multiplyPacked({scratch.valueTiles, 0}, scratch.outPanels, keys, queries, d, scratch.slopes, attentionQueries,
                       false);
        const int64_t diagonal = s.causal ? firstQuery + s.keyLength - s.queryLength - firstKey : s.keyLength;
        scoreGradients(scratch, keys, s.scale, diagonal);
        packTiles({scratch.weights, attentionQueries, false}, keys, queries, scratch.weightTiles);
        packTiles({scratch.slopes, attentionQueries, false}, keys, queries, scratch.slopeTiles);
        multiplyPacked({scratch.weightTiles, 0}, scratch.outRows, keys, d, queries, dValue.row(firstKey), dValue.step,
                       !first);
        multiplyPacked({scratch.slopeTiles, 0}, scratch.queryRows, keys, d, queries, dKey.row(firstKey), dKey.step,
                       !first);
        // The first keys are seen by every query, so they start dq.
        multiplyPacked({scratch.slopes, attentionQueries}, scratch.keyRows, queries, d, keys, dQuery.row(firstQuery),
                       dQuery.step, firstKey > 0);
        first = false;
      }
    }
  }
}

/** One block per (sequence, key/value head). */
void attentionBackwardKernel(Pool* pool, const compact::AttentionBackwardCall& call) {
  const AttentionShape& s = call.shape;
  const int64_t rows = s.batch * s.queryLength, d = s.headWidth;
  parallelRanges(pool, rows, rowGrain(s.heads * d), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin * s.heads; i < end * s.heads; i++) {
      call.scratch[i] = dotProduct(call.dOut + i * d, call.out + i * d, d);
    }
  });
  const int64_t rowSumFloats = roundUp(rows * s.heads, lanes);
  parallelBlocks(pool, s.batch * s.keyValueHeads, [&](int64_t block, int thread) {
    attendBackward(call, block / s.keyValueHeads, block % s.keyValueHeads, BackwardScratch(call, rowSumFloats, thread));
  });
}

}  // namespace
}  // namespace COMPACT_TIER
