// Sums over rows in a fixed order: rows within blocks, then the blocks.
#pragma once
#include "../storage/stored.h"
#include "../threads/parallel.h"

namespace COMPACT_TIER {
namespace {

/** Rows of one partial sum; `normBlockRows` of the contract. */
constexpr int64_t sumBlockRows = 64;
/** Columns per task when partial sums are added up. */
constexpr int64_t sumColumnGrain = 256;

/** out += Σ over the blocks' partial sums [blocks, width], rounded once. */
template <class T>
INLINE void addBlockSums(Pool* pool, const float* partialSums, int64_t blocks, int64_t width, T* out) {
  parallelRanges(pool, width, sumColumnGrain, [&](int64_t begin, int64_t end) {
    forEachVec(end - begin, [&](auto at, auto put) {
      auto sum = at(out + begin);
      for (int64_t block = 0; block < blocks; block++) sum = add(sum, at(partialSums + block * width + begin));
      put(out + begin, sum);
    });
  });
}

/** out += Σ over rows of x. */
void columnSumKernel(Pool* pool, const compact::ColumnSumCall& call) {
  const int64_t width = call.columns, blocks = ceilDiv(call.rows, sumBlockRows);
  withStorage(call.xStored, [&](auto storage) {
    using X = typename decltype(storage)::Type;
    parallelBlocks(pool, blocks, [&](int64_t block, int) {
      float* partial = call.scratch + block * width;
      forEachVec(width, [&](auto, auto put) { put(partial, zero()); });
      const int64_t end = smaller(call.rows, (block + 1) * sumBlockRows);
      for (int64_t row = block * sumBlockRows; row < end; row++) {
        const X* x = from<X>(call.x, row * width);
        forEachVec(width, [&](auto at, auto put) { put(partial, add(at(partial), at(x))); });
      }
    });
  });
  withStorage(call.outStored, [&](auto storage) {
    addBlockSums(pool, call.scratch, blocks, width, from<typename decltype(storage)::Type>(call.out, 0));
  });
}

}  // namespace
}  // namespace COMPACT_TIER
