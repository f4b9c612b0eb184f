// ids [N], table [V, n], out and dy [N, n]. The binding has checked that ids lie in [0, V).
#pragma once
#include "../calls.h"
#include "../threads/parallel.h"

namespace COMPACT_TIER {
namespace {

/** out[i] = table[ids[i]]. */
void embeddingKernel(Pool* pool, const compact::EmbeddingCall& call) {
  const int64_t width = call.width;
  parallelRanges(pool, call.tokens, rowGrain(width), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      __builtin_memcpy(call.out + i * width, call.table + call.ids[i] * width, static_cast<size_t>(width) * sizeof(float));
    }
  });
}

/** Columns that one block owns in all rows of the table: each row is then summed in the order of i without atomics. */
constexpr int64_t embeddingStripe = 64;

/** dTable[ids[i]] += dy[i]. */
void embeddingBackwardKernel(Pool* pool, const compact::EmbeddingBackwardCall& call) {
  const int64_t width = call.width;
  parallelRanges(pool, width, embeddingStripe, [&](int64_t begin, int64_t end) {
    for (int64_t i = 0; i < call.tokens; i++) {
      float* row = call.dTable + call.ids[i] * width + begin;
      const float* dy = call.dy + i * width + begin;
      forEachVec(end - begin, [&](auto at, auto put) { put(row, add(at(row), at(dy))); });
    }
  });
}

}  // namespace
}  // namespace COMPACT_TIER
