// out = x + bias by rows, x and out [rows, columns].
#pragma once
#include "../calls.h"
#include "../threads/parallel.h"

namespace COMPACT_TIER {
namespace {

/** out may be x. */
void addBiasKernel(Pool* pool, const compact::AddBiasCall& call) {
  const int64_t width = call.columns;
  parallelRanges(pool, call.rows, rowGrain(width), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const float* x = call.x + row * width;
      float* out = call.out + row * width;
      forEachVec(width, [&](auto at, auto put) { put(out, add(at(x), at(call.bias))); });
    }
  });
}

}  // namespace
}  // namespace COMPACT_TIER
