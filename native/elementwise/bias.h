// out = x + bias by rows, x and out [rows, columns].
#pragma once
#include "../storage/stored.h"
#include "../threads/parallel.h"

namespace COMPACT_TIER {
namespace {

/** out may be x. */
void addBiasKernel(Pool* pool, const compact::AddBiasCall& call) {
  const int64_t width = call.columns;
  withStorage(call.stored, [&](auto storage) {
    withStorage(call.biasStored, [&](auto biasStorage) {
      using T = typename decltype(storage)::Type;
      using Bias = typename decltype(biasStorage)::Type;
      const Bias* bias = from<Bias>(call.bias, 0);
      parallelRanges(pool, call.rows, rowGrain(width), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; row++) {
          const T* x = from<T>(call.x, row * width);
          T* out = from<T>(call.out, row * width);
          forEachVec(width, [&](auto at, auto put) { put(out, add(at(x), at(bias))); });
        }
      });
    });
  });
}

}  // namespace
}  // namespace COMPACT_TIER
