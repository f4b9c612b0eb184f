// Row-wise log-softmax, x and out [C, V].
#pragma once
#include "../storage/stored.h"
#include "../threads/parallel.h"

namespace COMPACT_TIER {
namespace {

template <class T>
INLINE float rowMax(const T* x, int64_t count) {
  const float lowest = -__builtin_inff();
  Wide pairs[2] = {set(lowest), set(lowest)};
  int64_t i = 0;
  for (; i + 4 * lanes <= count; i += 4 * lanes) {
    for (int part = 0; part < 2; part++) pairs[part] = max(pairs[part], loadWide(x + i + part * 2 * lanes));
  }
  Vec best[4] = {pairs[0].lo, pairs[0].hi, pairs[1].lo, pairs[1].hi};
  for (int part = 0; i + lanes <= count; i += lanes, part++) best[part] = max(best[part], load(x + i));
  float largest = reduceMax(max(max(best[0], best[1]), max(best[2], best[3])));
  for (; i < count; i++) largest = largest > valueAt(x + i) ? largest : valueAt(x + i);
  return largest;
}

/** max + log Σ exp(x − max). */
template <class T>
INLINE float rowLogSumExp(const T* x, int64_t count) {
  const float largest = rowMax(x, count);
  const Vec offset = set(largest);
  Wide sums = zero();
  int64_t i = 0;
  for (; i + 2 * lanes <= count; i += 2 * lanes) sums = add(sums, exponential(sub(loadWide(x + i), offset)));
  if (i + lanes <= count) {
    sums.lo = add(sums.lo, exponential(sub(load(x + i), offset)));
    i += lanes;
  }
  float sum = reduceAdd(add(sums.lo, sums.hi));
  for (; i < count; i++) sum += exponentialOf(valueAt(x + i) - largest);
  return largest + logarithmOf(sum);
}

/** out = x − log Σ exp(x); out may be x. */
void logSoftmaxKernel(Pool* pool, const compact::LogSoftmaxCall& call) {
  const int64_t columns = call.columns;
  withStorage(call.stored, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    parallelRanges(pool, call.rows, rowGrain(columns), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; row++) {
        const T* x = from<T>(call.x, row * columns);
        T* out = from<T>(call.out, row * columns);
        const Vec logSum = set(rowLogSumExp(x, columns));
        forEachVec(columns, [&](auto at, auto put) { put(out, sub(at(x), logSum)); });
      }
    });
  });
}

}  // namespace
}  // namespace COMPACT_TIER
