// RMSNorm by rows: x, y, x̂, dy, dx [N, n], γ and dγ [n], rstd [N].
#pragma once
#include "../storage/stored.h"
#include "../threads/parallel.h"
#include "column-sums.h"

namespace COMPACT_TIER {
namespace {

/** x̂ = x·rstd, y = γ∘x̂, rstd = (mean(x²) + ε)^(-1/2). */
void rmsNormKernel(Pool* pool, const compact::RmsNormCall& call) {
  const int64_t width = call.width;
  withStorage(call.stored, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    const T* weight = from<T>(call.weight, 0);
    parallelRanges(pool, call.tokens, rowGrain(width), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; row++) {
        const T* x = from<T>(call.x, row * width);
        T *out = from<T>(call.out, row * width), *normalized = from<T>(call.normalized, row * width);
        const float squares = dotProduct(x, x, width);
        const float rstd = 1.0f / __builtin_sqrtf(squares / static_cast<float>(width) + call.epsilon);
        call.rstd[row] = rstd;
        const Vec factor = set(rstd);
        if (normalized != nullptr) {
          forEachVec(width, [&](auto at, auto put) {
            const auto xHat = mul(at(x), factor);
            put(normalized, xHat);
            put(out, mul(at(weight), xHat));
          });
        } else {
          forEachVec(width, [&](auto at, auto put) { put(out, mul(at(weight), mul(at(x), factor))); });
        }
      }
    });
  });
}

/** With ĝ = dy∘γ: dx = rstd·(ĝ − x̂·mean(ĝ∘x̂)), and the sums of dy∘x̂ over blocks of rows. dx may be dy. */
template <class T>
void rmsNormInputGradient(Pool* pool, const compact::RmsNormBackwardCall& call) {
  const int64_t width = call.width;
  const T* weight = from<T>(call.weight, 0);
  parallelBlocks(pool, ceilDiv(call.tokens, sumBlockRows), [&](int64_t block, int) {
    float* partial = call.dWeight != nullptr ? call.scratch + block * width : nullptr;
    if (partial != nullptr) forEachVec(width, [&](auto, auto put) { put(partial, zero()); });
    const int64_t end = smaller(call.tokens, (block + 1) * sumBlockRows);
    for (int64_t row = block * sumBlockRows; row < end; row++) {
      const T *x = from<T>(call.x, row * width), *dy = from<T>(call.dy, row * width);
      T* dx = from<T>(call.dx, row * width);
      const Vec rstd = set(call.rstd[row]);
      // The very floats that forward wrote as x̂, or would have written.
      const Vec toHat = call.normalized ? set(1.0f) : rstd;
      const float dot = sumOverVecs(
          width, [&](auto at, auto sum) { return fma(mul(at(dy), at(weight)), mul(at(x), toHat), sum); });
      const Vec mean = set(dot / static_cast<float>(width));
      forEachVec(width, [&](auto at, auto put) {
        const auto xHat = mul(at(x), toHat);
        const auto g = at(dy);
        if (partial != nullptr) put(partial, fma(g, xHat, at(partial)));
        const auto gradient = mul(rstd, fnma(xHat, mean, mul(g, at(weight))));
        put(dx, call.accumulate ? add(at(dx), gradient) : gradient);
      });
    }
  });
}

void rmsNormBackwardKernel(Pool* pool, const compact::RmsNormBackwardCall& call) {
  const int64_t width = call.width, blocks = ceilDiv(call.tokens, sumBlockRows);
  withStorage(call.stored, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    rmsNormInputGradient<T>(pool, call);
    if (call.dWeight == nullptr) return;
    addBlockSums(pool, call.scratch, blocks, width, from<T>(call.dWeight, 0));
  });
}

}  // namespace
}  // namespace COMPACT_TIER
