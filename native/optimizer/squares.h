// Sums of squares in fixed orders: of a whole tensor, of rows, of columns.
#pragma once
#include "../threads/parallel.h"

namespace COMPACT_TIER {
namespace {

/** Elements of one partial sum; `normBlockElements` of the contract. */
constexpr int64_t normBlockElements = 16384;

/** Sum over `count` elements: partial(begin, end) of each block goes to `scratch`, and these are added in block order. */
template <class Partial>
INLINE double sumOverBlocks(Pool* pool, int64_t count, float* scratch, const Partial& partial) {
  const int64_t blocks = ceilDiv(count, normBlockElements);
  parallelBlocks(pool, blocks, [&](int64_t block, int) {
    scratch[block] = partial(block * normBlockElements, smaller(count, (block + 1) * normBlockElements));
  });
  double sum = 0;
  for (int64_t block = 0; block < blocks; block++) sum += static_cast<double>(scratch[block]);
  return sum;
}

/** Σx² of a tensor. */
template <class T>
INLINE double sumOfSquares(Pool* pool, const T* x, int64_t count, float* scratch) {
  return sumOverBlocks(pool, count, scratch,
                       [x](int64_t begin, int64_t end) { return dotProduct(x + begin, x + begin, end - begin); });
}

/** Σ(factor·x)² of consecutive elements, on the calling thread. */
template <class T>
INLINE double rowSquares(const T* x, int64_t count, Vec factor) {
  double sum = 0;
  for (int64_t begin = 0; begin < count; begin += normBlockElements) {
    const T* part = x + begin;
    sum += static_cast<double>(sumOverVecs(smaller(normBlockElements, count - begin), [part, factor](auto at, auto partial) {
      const auto scaled = mul(at(part), factor);
      return fma(scaled, scaled, partial);
    }));
  }
  return sum;
}

/** Columns that one thread sums up at a time. */
constexpr int64_t columnGroup = 256;

/** Σ(factor·x)² of each column in [begin, end), at most a group: over 256 rows in f32, these sums in f64. */
template <class T>
INLINE void columnSquares(const T* x, int64_t rows, int64_t columns, int64_t begin, int64_t end, Vec factor, double* out) {
  constexpr int64_t rowGroup = 256;
  const int64_t count = end - begin;
  for (int64_t j = 0; j < count; j++) out[j] = 0;
  for (int64_t firstRow = 0; firstRow < rows; firstRow += rowGroup) {
    alignas(64) float partial[columnGroup] = {};
    for (int64_t row = firstRow; row < smaller(rows, firstRow + rowGroup); row++) {
      const T* entries = x + row * columns + begin;
      forEachVec(count, [&](auto at, auto put) {
        const auto scaled = mul(at(entries), factor);
        put(partial, fma(scaled, scaled, at(partial)));
      });
    }
    for (int64_t j = 0; j < count; j++) out[j] += static_cast<double>(partial[j]);
  }
}

}  // namespace
}  // namespace COMPACT_TIER
