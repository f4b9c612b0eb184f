// Adam's moments and direction U = (M/c1) / (√(V/c2) + ε), over `count` elements.
#pragma once
#include "../threads/parallel.h"
#include "stochastic-rounding.h"

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

/** Moments of 64 elements, f32 or bf16. */
template <class M>
struct Moments {
  M *first, *second;
  RoundingBits firstBits, secondBits;

  Moments(const compact::AdamState& state, int64_t element)
      : first(from<M>(state.firstMoment, element)),
        second(from<M>(state.secondMoment, element)),
        firstBits(state.rounding, firstMomentStream, element),
        secondBits(state.rounding, secondMomentStream, element) {}

  /** Updates sixteen of them (or `count`) and gives U. */
  template <class G>
  Vec update(const AdamConstants& constants, const G* gradient, int offset, int count, int part) const {
    Vec m = loadSome(first + offset, count), v = loadSome(second + offset, count);
    const Vec direction = adamDirectionOf(constants, loadSome(gradient + offset, count), m, v);
    storeByChance(first + offset, m, count, firstBits, part);
    storeByChance(second + offset, v, count, secondBits, part);
    return direction;
  }
};

/** W ← (1 − lr·decay)·W − lr·scale·U, in one pass over weight, gradient and moments. */
template <class W, class G, class M>
void adamWOf(Pool* pool, const compact::AdamWCall& call) {
  const AdamConstants constants(call.adam);
  const Vec keep = set(static_cast<float>(1.0 - call.learningRate * call.weightDecay));
  const Vec step = set(static_cast<float>(call.learningRate * call.updateScale));
  parallelRanges(pool, call.adam.count, elementGrain, [&](int64_t begin, int64_t end) {
    forEachRounded(begin, end, [&](int64_t element, int elements) {
      const Moments<M> moments(call.adam, element);
      const RoundingBits weightBits(call.adam.rounding, weightStream, element);
      W* weight = from<W>(call.weight, element);
      const G* gradient = from<G>(call.gradient, element);
      forEachGroup(elements, [&](int offset, int count, int part) {
        const Vec direction = moments.update(constants, gradient, offset, count, part);
        const Vec updated = fnma(step, direction, mul(keep, loadSome(weight + offset, count)));
        storeByChance(weight + offset, updated, count, weightBits, part);
      });
    });
  });
}

void adamWKernel(Pool* pool, const compact::AdamWCall& call) {
  withStorage(call.weightStored, [&](auto weight) {
    withStorage(call.gradientStored, [&](auto gradient) {
      withStorage(call.adam.moments, [&](auto moments) {
        adamWOf<typename decltype(weight)::Type, typename decltype(gradient)::Type, typename decltype(moments)::Type>(
            pool, call);
      });
    });
  });
}

/** gradient ← factor·U. */
template <class G, class M>
void adamDirectionInto(Pool* pool, const compact::AdamDirectionCall& call) {
  const AdamConstants constants(call.adam);
  const Vec factor = set(static_cast<float>(call.factor));
  parallelRanges(pool, call.adam.count, elementGrain, [&](int64_t begin, int64_t end) {
    forEachRounded(begin, end, [&](int64_t element, int elements) {
      const Moments<M> moments(call.adam, element);
      G* gradient = from<G>(call.gradient, element);
      forEachGroup(elements, [&](int offset, int count, int part) {
        const Vec direction = moments.update(constants, gradient, offset, count, part);
        storeSome(gradient + offset, mul(factor, direction), count);
      });
    });
  });
}

void adamDirectionKernel(Pool* pool, const compact::AdamDirectionCall& call) {
  withStorage(call.gradientStored, [&](auto gradient) {
    withStorage(call.adam.moments, [&](auto moments) {
      adamDirectionInto<typename decltype(gradient)::Type, typename decltype(moments)::Type>(pool, call);
    });
  });
}

}  // namespace
}  // namespace COMPACT_TIER
