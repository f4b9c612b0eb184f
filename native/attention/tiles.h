// What forward and backward share. Scores are computed transposed, Sᵀ [keys, queries]: a vector then holds sixteen queries,
// so softmax needs no sums across lanes, and Pᵀ is at once the A operand of every product that sums over keys.
#pragma once
#include "../gemm/pack.h"
#include "../gemm/tile.h"
#include "../storage/stored.h"
#include "../threads/parallel.h"
#include "attention-blocks.h"

namespace COMPACT_TIER {
namespace {

using compact::attentionKeys;
using compact::attentionQueries;
using compact::AttentionShape;

constexpr int queryVecs = attentionQueries / lanes;

/** Hands out pieces of a thread's scratch. */
struct ScratchCursor {
  float* next;
  float* take(int64_t floats) {
    float* piece = next;
    next += floats;
    return piece;
  }
};

/** Rows of one head of one sequence within a [rows, heads·d] matrix that is stored as T. */
template <class T>
struct HeadRows {
  T* start;
  int64_t step;
  T* row(int64_t index) const { return start + index * step; }
  /** Rows from `index` on as an operand of a product, or as its transpose. */
  Operand from(int64_t index, bool transposed) const {
    return {row(index), step, transposed, sizeof(T) == 2 ? Stored::bf16 : Stored::f32};
  }
};

template <class T>
INLINE HeadRows<T> queryRows(const AttentionShape& s, T* matrix, int64_t batch, int64_t head) {
  const int64_t step = s.heads * s.headWidth;
  return {matrix + batch * s.queryLength * step + head * s.headWidth, step};
}

template <class T>
INLINE HeadRows<T> keyRows(const AttentionShape& s, T* matrix, int64_t batch, int64_t keyValueHead) {
  const int64_t step = s.keyValueHeads * s.headWidth;
  return {matrix + batch * s.keyLength * step + keyValueHead * s.headWidth, step};
}

/** Keys that any of the queries before `queryEnd` sees. */
INLINE int64_t visibleKeys(const AttentionShape& s, int64_t queryEnd) {
  return s.causal ? smaller(s.keyLength, queryEnd + s.keyLength - s.queryLength) : s.keyLength;
}

/**
 * out [rows, columns] (row step `step`) = Σ over depth of A·B, plus what `out` holds if `accumulate`; A as tiles or as a
 * matrix [depth][rows], B packed in panels.
 */
INLINE void multiplyPacked(TileSource a, const float* b, int64_t rows, int64_t columns, int64_t depth, float* out,
                           int64_t step, bool accumulate) {
  for (int64_t j = 0; j < columns; j += tileColumns) {
    TileCall tile{};
    tile.b = b + j * depth;
    tile.depth = depth;
    tile.c = out + j;
    tile.cStride = step;
    tile.base = accumulate ? out + j : nullptr;
    tile.baseStride = step;
    tile.columns = static_cast<int>(smaller(tileColumns, columns - j));
    multiplyPanel(a, rows, tile);
  }
}

/** Lanes `part` of 64 queries that see `key`: query i sees keys 0 … i + Tk − Tq. `firstQuery` counts from the tile's start. */
INLINE Mask seesKey(int64_t firstQuery, int part) {
  return lessSigned(setWords(static_cast<uint32_t>(static_cast<int32_t>(firstQuery - 1))),
                    add(laneIndex(), setWords(static_cast<uint32_t>(part * lanes))));
}

}  // namespace
}  // namespace COMPACT_TIER
