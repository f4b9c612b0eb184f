// x [n, r] ← factor·Q of x = Q·R with a positive diagonal of R, by classical Gram-Schmidt with one repetition.
#pragma once
#include "../storage/stored.h"
#include "../threads/parallel.h"

namespace COMPACT_TIER {
namespace {

/** Elements of a column that are updated at a time; the update reads all earlier columns for them. */
constexpr int64_t columnSegment = 1024;

/**
 * The scratch holds xᵀ, so that columns are contiguous, then r inner products. Each product is summed within one thread, each
 * element of a column updated by one, so threads do not touch the order of sums.
 */
void orthonormalizeKernel(Pool* pool, const compact::OrthonormalizeCall& call) {
  const int64_t n = call.rows, r = call.columns;
  float* columns = call.scratch;
  float* products = call.scratch + n * r;
  withStorage(call.stored, [&](auto storage) {
    const auto* x = from<typename decltype(storage)::Type>(call.x, 0);
    parallelRanges(pool, r, lanes, [&](int64_t begin, int64_t end) {
      for (int64_t row = 0; row < n; row++) {
        for (int64_t j = begin; j < end; j++) columns[j * n + row] = valueAt(x + row * r + j);
      }
    });
  });
  for (int64_t j = 0; j < r; j++) {
    float* column = columns + j * n;
    // "Twice is enough": the second pass removes what rounding left of the earlier directions.
    for (int pass = 0; pass < 2 && j > 0; pass++) {
      parallelRanges(pool, j, larger(1, elementGrain / n), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) products[i] = dotProduct(columns + i * n, column, n);
      });
      const int64_t segment = j * n > elementGrain ? columnSegment : n;
      parallelRanges(pool, n, segment, [&](int64_t begin, int64_t end) {
        for (int64_t i = 0; i < j; i++) {
          const float* earlier = columns + i * n + begin;
          float* part = column + begin;
          const Vec product = set(products[i]);
          forEachVec(end - begin, [&](auto at, auto put) { put(part, fnma(product, at(earlier), at(part))); });
        }
      });
    }
    const float length = __builtin_sqrtf(dotProduct(column, column, n));
    const Vec inverse = set(length > 0 ? 1.0f / length : 0.0f);
    forEachVec(n, [&](auto at, auto put) { put(column, mul(inverse, at(column))); });
  }
  withStorage(call.stored, [&](auto storage) {
    auto* x = from<typename decltype(storage)::Type>(call.x, 0);
    parallelRanges(pool, n, rowGrain(r), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; row++) {
        for (int64_t j = 0; j < r; j++) setValue(x + row * r + j, call.factor * columns[j * n + row]);
      }
    });
  });
}

}  // namespace
}  // namespace COMPACT_TIER
