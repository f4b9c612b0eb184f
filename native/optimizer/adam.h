// Adam's moments and direction U = (M/c1) / (√(V/c2) + ε), over `count` elements.
#pragma once
#include "../calls.h"
#include "../threads/parallel.h"

namespace COMPACT_TIER {
namespace {

/** Constants of a step, worked out in float64 and rounded once. */
struct AdamConstants {
  Vec gradientScale, beta1, beta2, rest1, rest2, inverse1, inverse2, epsilon;

  explicit AdamConstants(const compact::AdamNumbers& state)
      : gradientScale(set(state.gradientScale != nullptr ? *state.gradientScale : 1.0f)),
        beta1(set(static_cast<float>(state.beta1))),
        beta2(set(static_cast<float>(state.beta2))),
        rest1(set(static_cast<float>(1.0 - state.beta1))),
        rest2(set(static_cast<float>(1.0 - state.beta2))),
        inverse1(set(static_cast<float>(1.0 / state.correction1))),
        inverse2(set(static_cast<float>(1.0 / state.correction2))),
        epsilon(set(static_cast<float>(state.epsilon))) {}
};

/** Updates both moments with one group of gradients and gives U. */
INLINE Vec adamDirectionOf(const AdamConstants& c, Vec gradient, Vec& first, Vec& second) {
  const Vec g = mul(gradient, c.gradientScale);
  first = fma(c.beta1, first, mul(c.rest1, g));
  second = fma(c.beta2, second, mul(c.rest2, mul(g, g)));
  return div(mul(first, c.inverse1), add(squareRoot(mul(second, c.inverse2)), c.epsilon));
}

/** W ← (1 − lr·decay)·W − lr·scale·U. */
void adamWKernel(Pool* pool, const compact::AdamWCall& call) {
  const AdamConstants constants(call.adam);
  const Vec keep = set(static_cast<float>(1.0 - call.learningRate * call.weightDecay));
  const Vec step = set(static_cast<float>(call.learningRate * call.updateScale));
  parallelRanges(pool, call.adam.count, elementGrain, [&](int64_t begin, int64_t end) {
    float *weight = call.weight + begin, *m = call.adam.firstMoment + begin, *v = call.adam.secondMoment + begin;
    const float* gradient = call.gradient + begin;
    forEachVec(end - begin, [&](auto at, auto put) {
      Vec first = at(m), second = at(v);
      const Vec direction = adamDirectionOf(constants, at(gradient), first, second);
      put(m, first);
      put(v, second);
      put(weight, fnma(step, direction, mul(keep, at(weight))));
    });
  });
}

/** gradient ← factor·U. */
void adamDirectionKernel(Pool* pool, const compact::AdamDirectionCall& call) {
  const AdamConstants constants(call.adam);
  const Vec factor = set(static_cast<float>(call.factor));
  parallelRanges(pool, call.adam.count, elementGrain, [&](int64_t begin, int64_t end) {
    float *gradient = call.gradient + begin, *m = call.adam.firstMoment + begin, *v = call.adam.secondMoment + begin;
    forEachVec(end - begin, [&](auto at, auto put) {
      Vec first = at(m), second = at(v);
      const Vec direction = adamDirectionOf(constants, at(gradient), first, second);
      put(m, first);
      put(v, second);
      put(gradient, mul(factor, direction));
    });
  });
}

}  // namespace
}  // namespace COMPACT_TIER
