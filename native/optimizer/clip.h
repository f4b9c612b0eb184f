// Norms: squaredNorm adds Σ x² of one tensor to out [1], clipFactor turns the total into a factor [1], normalize divides by it.
#pragma once
#include "../storage/stored.h"
#include "../threads/parallel.h"
#include "squares.h"

namespace COMPACT_TIER {
namespace {

/** out += Σ x². */
void squaredNormKernel(Pool* pool, const compact::SquaredNormCall& call) {
  double sum = 0;
  withStorage(call.stored, [&](auto storage) {
    sum = sumOfSquares(pool, from<typename decltype(storage)::Type>(call.x, 0), call.count, call.scratch);
  });
  *call.out = static_cast<float>(static_cast<double>(*call.out) + sum);
}

/** out = min(1, maxNorm / (√squaredNorm + 1e-6)). */
void clipFactorKernel(Pool*, const compact::ClipFactorCall& call) {
  const double factor = call.maxNorm / (__builtin_sqrt(static_cast<double>(*call.squaredNorm)) + 1e-6);
  // Written so that a NaN norm gives a NaN factor instead of hiding behind 1.
  *call.out = static_cast<float>(factor >= 1.0 ? 1.0 : factor);
}

/** x ← factor·x / (‖x‖ + ε). */
void normalizeKernel(Pool* pool, const compact::NormalizeCall& call) {
  withStorage(call.stored, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    const double norm = __builtin_sqrt(sumOfSquares(pool, from<T>(call.x, 0), call.count, call.scratch));
    const Vec factor = set(static_cast<float>(call.factor / (norm + call.epsilon)));
    parallelRanges(pool, call.count, elementGrain, [&](int64_t begin, int64_t end) {
      T* x = from<T>(call.x, begin);
      forEachVec(end - begin, [&](auto at, auto put) { put(x, mul(factor, at(x))); });
    });
  });
}

}  // namespace
}  // namespace COMPACT_TIER
