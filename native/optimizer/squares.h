// Sums of squares in fixed orders: of a whole tensor, of rows, of columns.
#pragma once
#include "../threads/parallel.h"

namespace COMPACT_TIER {
namespace {

/** Elements of one partial sum; `normBlockElements` of the contract. */
constexpr int64_t normBlockElements = 16384;

/** Σx² of a tensor: one partial sum per block in `scratch`, added in block order. */
template <class T>
INLINE double sumOfSquares(Pool* pool, const T* x, int64_t count, float* scratch) {
  const int64_t blocks = ceilDiv(count, normBlockElements);
  parallelBlocks(pool, blocks, [&](int64_t block, int) {
    const T* part = x + block * normBlockElements;
    scratch[block] = dotProduct(part, part, smaller(normBlockElements, count - block * normBlockElements));
  });
  double sum = 0;
  for (int64_t block = 0; block < blocks; block++) sum += static_cast<double>(scratch[block]);
  return sum;
}

/** Σ(factor·x)² of consecutive elements, on the calling thread. */
INLINE double rowSquares(const float* x, int64_t count, Vec factor) {
  double sum = 0;
  for (int64_t begin = 0; begin < count; begin += normBlockElements) {
    const float* part = x + begin;
    sum += static_cast<double>(sumOverVecs(smaller(normBlockElements, count - begin), [part, factor](auto at, Vec partial) {
      const Vec scaled = mul(at(part), factor);
      return fma(scaled, scaled, partial);
    }));
  }
  return sum;
}

/** Columns that one thread sums up at a time. */
constexpr int64_t columnGroup = 256;

/** Σ(factor·x)² of each column in [begin, end), at most a group: over 256 rows in f32, these sums in f64. */
INLINE void columnSquares(const float* x, int64_t rows, int64_t columns, int64_t begin, int64_t end, Vec factor, double* out) {
  constexpr int64_t rowGroup = 256;
  const int64_t count = end - begin;
  for (int64_t j = 0; j < count; j++) out[j] = 0;
  for (int64_t firstRow = 0; firstRow < rows; firstRow += rowGroup) {
    alignas(64) float partial[columnGroup] = {};
    for (int64_t row = firstRow; row < smaller(rows, firstRow + rowGroup); row++) {
      const float* from = x + row * columns + begin;
      forEachVec(count, [&](auto at, auto put) {
        const Vec scaled = mul(at(from), factor);
        put(partial, fma(scaled, scaled, at(partial)));
      });
    }
    for (int64_t j = 0; j < count; j++) out[j] += static_cast<double>(partial[j]);
  }
}

}  // namespace
}  // namespace COMPACT_TIER
