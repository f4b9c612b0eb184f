// Rotary position embedding, half-split: x, out [N, heads·d], cos and sin [positions, d/2].
#pragma once
#include "../storage/stored.h"
#include "../threads/parallel.h"

namespace COMPACT_TIER {
namespace {

/** (x_i, x_{i+d/2}) turned by the angle of (position, i), or back; out may be x. */
void ropeKernel(Pool* pool, const compact::RopeCall& call) {
  const int64_t width = call.width, half = call.half;
  const Vec sign = set(call.inverse ? -1.0f : 1.0f);
  withStorage(call.stored, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    parallelRanges(pool, call.tokens, rowGrain(width), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; row++) {
        const int64_t position = call.positionOffset + row % call.sequenceLength;
        const float *cosine = call.cos + position * half, *sine = call.sin + position * half;
        for (int64_t head = 0; head < width; head += 2 * half) {
          const T *x1 = from<T>(call.x, row * width + head), *x2 = x1 + half;
          T *out1 = from<T>(call.out, row * width + head), *out2 = out1 + half;
          forEachVec(half, [&](auto at, auto put) {
            const auto a = at(x1), b = at(x2), c = at(cosine), s = mul(sign, at(sine));
            put(out1, fnma(b, s, mul(a, c)));
            put(out2, fma(a, s, mul(b, c)));
          });
        }
      }
    });
  });
}

}  // namespace
}  // namespace COMPACT_TIER
