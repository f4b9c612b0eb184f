// What forward and backward share. Scores are computed transposed, Sᵀ [keys, queries]: a vector then holds sixteen queries,
// so softmax needs no sums across lanes, and Pᵀ is at once the A operand of every product that sums over keys.
#pragma once
#include "../gemm/multiply.h"
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
 * matrix [steps][rows], B packed in panels.
 */
template <class Arithmetic>
INLINE void multiplyPacked(TileSource a, const float* b, int64_t rows, int64_t columns, int64_t depth, float* out,
                           int64_t step, bool accumulate) {
  const int64_t steps = ceilDiv(depth, Arithmetic::elementsPerStep);
  for (int64_t j = 0; j < columns; j += tileColumns) {
    TileCall tile{};
    tile.b = b + j * steps;
    tile.depth = steps;
    tile.c = out + j;
    tile.cStride = step;
    tile.base = accumulate ? out + j : nullptr;
    tile.baseStride = step;
    tile.columns = static_cast<int>(smaller(tileColumns, columns - j));
    multiplyPanel<typename Arithmetic::Products>(a, rows, tile);
  }
}

/** Which keys each of the 64 queries of a tile sees, [first, end), and what that means for the whole tile. */
struct KeyRanges {
  const int32_t *first, *end;  // of each query; null where there are none
  int64_t from, to;            // keys that any query sees
};

/** Ranges of up to 64 queries from `row` on, written to `first` and `end`; the last one fills up the rest. */
INLINE KeyRanges loadKeyRanges(const int32_t* ranges, int64_t row, int64_t queries, int64_t keyEnd, int32_t* first,
                               int32_t* end) {
  if (ranges == nullptr) return {nullptr, nullptr, 0, keyEnd};
  KeyRanges found{first, end, keyEnd, 0};
  for (int64_t i = 0; i < attentionQueries; i++) {
    const int32_t* range = ranges + 2 * (row + smaller(i, queries - 1));
    first[i] = range[0];
    end[i] = range[1];
    found.from = smaller(found.from, range[0]);
    found.to = larger(found.to, range[1]);
  }
  found.to = smaller(found.to, keyEnd);
  return found;
}

/** Lanes `part` of the queries that do not see `key`. */
INLINE Mask outsideRange(const KeyRanges& ranges, int64_t key, int part) {
  Words first, end;
  __builtin_memcpy(&first, ranges.first + part * lanes, sizeof first);
  __builtin_memcpy(&end, ranges.end + part * lanes, sizeof end);
  const Words at = setWords(static_cast<uint32_t>(key)), one = setWords(1), none = setWords(0);
  // key < first or end <= key, which is end < key + 1.
  const Words outside = bitOr(select(lessSigned(at, first), one, none), select(lessSigned(end, add(at, one)), one, none));
  return lessSigned(none, outside);
}

/** Lanes `part` of 64 queries that see `key`: query i sees keys 0 … i + Tk − Tq. `firstQuery` counts from the tile's start. */
INLINE Mask seesKey(int64_t firstQuery, int part) {
  return lessSigned(setWords(static_cast<uint32_t>(static_cast<int32_t>(firstQuery - 1))),
                    add(laneIndex(), setWords(static_cast<uint32_t>(part * lanes))));
}

}  // namespace
}  // namespace COMPACT_TIER
