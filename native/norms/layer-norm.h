// LayerNorm by rows: x, y, dy, dx [N, n], γ, β, dγ, dβ [n], mean and rstd [N].
#pragma once
#include "../storage/stored.h"
#include "../threads/parallel.h"
#include "column-sums.h"

namespace COMPACT_TIER {
namespace {

/** Σ (x − mean)²; whole vectors first, then the rest one by one, since a masked lane would add mean². */
template <class T>
INLINE float centeredSquares(const T* x, float mean, int64_t width) {
  const Vec center = set(mean);
  const int64_t whole = width / lanes * lanes;
  float sum = sumOverVecs(whole, [x, center](auto at, auto partial) {
    const auto difference = sub(at(x), center);
    return fma(difference, difference, partial);
  });
  for (int64_t i = whole; i < width; i++) sum += (valueAt(x + i) - mean) * (valueAt(x + i) - mean);
  return sum;
}

/** x̂ = (x − mean)·rstd, y = γ∘x̂ + β, rstd = (mean((x − mean)²) + ε)^(-1/2). */
void layerNormKernel(Pool* pool, const compact::LayerNormCall& call) {
  const int64_t width = call.width;
  const float count = static_cast<float>(width);
  withStorage(call.stored, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    const T *weight = from<T>(call.weight, 0), *bias = from<T>(call.bias, 0);
    parallelRanges(pool, call.tokens, rowGrain(width), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; row++) {
        const T* x = from<T>(call.x, row * width);
        T* out = from<T>(call.out, row * width);
        const float mean = sumOverVecs(width, [x](auto at, auto sum) { return add(at(x), sum); }) / count;
        const float rstd = 1.0f / __builtin_sqrtf(centeredSquares(x, mean, width) / count + call.epsilon);
        call.mean[row] = mean;
        call.rstd[row] = rstd;
        const Vec center = set(mean), factor = set(rstd);
        forEachVec(width, [&](auto at, auto put) {
          put(out, fma(at(weight), mul(sub(at(x), center), factor), at(bias)));
        });
      }
    });
  });
}

/** With ĝ = dy∘γ: dx = rstd·(ĝ − mean(ĝ) − x̂·mean(ĝ∘x̂)), dγ += Σ dy∘x̂, dβ += Σ dy. dx may be dy. */
template <class T>
void layerNormBackwardOf(Pool* pool, const compact::LayerNormBackwardCall& call) {
  const int64_t width = call.width, blocks = ceilDiv(call.tokens, sumBlockRows);
  const float count = static_cast<float>(width);
  const T* weight = from<T>(call.weight, 0);
  float* weightSums = call.dWeight != nullptr ? call.scratch : nullptr;
  float* biasSums = call.dBias != nullptr ? call.scratch + (weightSums != nullptr ? blocks * width : 0) : nullptr;
  parallelBlocks(pool, blocks, [&](int64_t block, int) {
    float* ofWeight = weightSums != nullptr ? weightSums + block * width : nullptr;
    float* ofBias = biasSums != nullptr ? biasSums + block * width : nullptr;
    if (ofWeight != nullptr) forEachVec(width, [&](auto, auto put) { put(ofWeight, zero()); });
    if (ofBias != nullptr) forEachVec(width, [&](auto, auto put) { put(ofBias, zero()); });
    const int64_t end = smaller(call.tokens, (block + 1) * sumBlockRows);
    for (int64_t row = block * sumBlockRows; row < end; row++) {
      const T *x = from<T>(call.x, row * width), *dy = from<T>(call.dy, row * width);
      T* dx = from<T>(call.dx, row * width);
      const Vec center = set(call.mean[row]), rstd = set(call.rstd[row]);
      // Masked lanes have dy = 0, so they add nothing whatever x̂ is there.
      const float sum = sumOverVecs(width, [&](auto at, auto partial) { return fma(at(dy), at(weight), partial); });
      const float dot = sumOverVecs(width, [&](auto at, auto partial) {
        return fma(mul(at(dy), at(weight)), mul(sub(at(x), center), rstd), partial);
      });
      const Vec mean = set(sum / count), slope = set(dot / count);
      forEachVec(width, [&](auto at, auto put) {
        const auto xHat = mul(sub(at(x), center), rstd);
        const auto g = at(dy);
        if (ofWeight != nullptr) put(ofWeight, fma(g, xHat, at(ofWeight)));
        if (ofBias != nullptr) put(ofBias, add(g, at(ofBias)));
        const auto gradient = mul(rstd, fnma(xHat, slope, sub(mul(g, at(weight)), mean)));
        put(dx, call.accumulate ? add(at(dx), gradient) : gradient);
      });
    }
  });
  if (weightSums != nullptr) addBlockSums(pool, weightSums, blocks, width, from<T>(call.dWeight, 0));
  if (biasSums != nullptr) addBlockSums(pool, biasSums, blocks, width, from<T>(call.dBias, 0));
}

void layerNormBackwardKernel(Pool* pool, const compact::LayerNormBackwardCall& call) {
  withStorage(call.stored, [&](auto storage) { layerNormBackwardOf<typename decltype(storage)::Type>(pool, call); });
}

}  // namespace
}  // namespace COMPACT_TIER
