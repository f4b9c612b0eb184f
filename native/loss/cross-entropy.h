// Negative log-likelihood of targets [C] under rows [C, V], its gradient, and both in one pass over logits. In f32 the three ways
// through these kernels give the same bits: probabilities are always exp(fl(x − lse)), losses are summed in row order.
#pragma once
#include "log-softmax.h"

namespace COMPACT_TIER {
namespace {

/** Targets with this id take no part; `ignoredTarget` of the contract. */
constexpr int32_t ignoredTarget = -100;

/** d = scale·(exp(x − lse) − onehot(target)), zeros where the target is ignored; d may be x. */
template <class T, class D>
INLINE void gradientOfRow(const T* x, float logSum, int32_t target, float scale, D* d, int64_t columns) {
  if (target == ignoredTarget) {
    forEachVec(columns, [&](auto, auto put) { put(d, zero()); });
    return;
  }
  const float atTarget = exponentialOf(valueAt(x + target) - logSum);
  const Vec offset = set(logSum), factor = set(scale);
  forEachVec(columns, [&](auto at, auto put) { put(d, mul(factor, exponential(sub(at(x), offset)))); });
  setValue(d + target, scale * (atTarget - 1.0f));
}

/** loss += −scale·Σ logProbs[i, target_i]. */
void nllLossKernel(Pool*, const compact::NllLossCall& call) {
  double sum = 0;
  withStorage(call.stored, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    for (int64_t row = 0; row < call.rows; row++) {
      const int32_t target = call.targets[row];
      if (target != ignoredTarget) {
        sum += static_cast<double>(valueAt(from<T>(call.logProbs, row * call.columns + target)));
      }
    }
  });
  *call.loss = static_cast<float>(static_cast<double>(*call.loss) - call.scale * sum);
}

/** dLogits = scale·(exp(logProbs) − onehot); dLogits may be logProbs. */
void nllLossBackwardKernel(Pool* pool, const compact::NllLossBackwardCall& call) {
  const int64_t columns = call.columns;
  withStorage(call.stored, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    parallelRanges(pool, call.rows, rowGrain(columns), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; row++) {
        gradientOfRow(from<T>(call.logProbs, row * columns), 0.0f, call.targets[row], static_cast<float>(call.scale),
                      from<T>(call.dLogits, row * columns), columns);
      }
    });
  });
}

/** loss += −scale·Σ log p(target), and dLogits = scale·(softmax − onehot) if wanted; dLogits may be logits. */
void crossEntropyKernel(Pool* pool, const compact::CrossEntropyCall& call) {
  const int64_t columns = call.columns;
  float* rowLogProbs = call.scratch;
  withStorage(call.logitsStored, [&](auto logitsStorage) {
    withStorage(call.gradientStored, [&](auto gradientStorage) {
      using T = typename decltype(logitsStorage)::Type;
      using D = typename decltype(gradientStorage)::Type;
      parallelRanges(pool, call.rows, rowGrain(columns), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; row++) {
          const T* x = from<T>(call.logits, row * columns);
          const int32_t target = call.targets[row];
          const bool counts = target != ignoredTarget;
          const float logSum = counts ? rowLogSumExp(x, columns) : 0.0f;
          rowLogProbs[row] = counts ? valueAt(x + target) - logSum : 0.0f;
          if (call.dLogits != nullptr) {
            gradientOfRow(x, logSum, target, static_cast<float>(call.scale), from<D>(call.dLogits, row * columns), columns);
          }
        }
      });
    });
  });
  double sum = 0;
  for (int64_t row = 0; row < call.rows; row++) {
    if (call.targets[row] != ignoredTarget) sum += static_cast<double>(rowLogProbs[row]);
  }
  *call.loss = static_cast<float>(static_cast<double>(*call.loss) - call.scale * sum);
}

}  // namespace
}  // namespace COMPACT_TIER
