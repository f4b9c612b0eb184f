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
template <class V>
INLINE V adamDirectionOf(const AdamConstants& c, V gradient, V& first, V& second) {
  const V g = mul(gradient, c.gradientScale);
  first = fma(c.beta1, first, mul(c.rest1, g));
  second = fma(c.beta2, second, mul(c.rest2, mul(g, g)));
  return div(mul(first, c.inverse1), add(squareRoot(mul(second, c.inverse2)), c.epsilon));
}

/** Moments of 256 elements, f32 or bf16. */
template <class M>
struct Moments {
  M *first, *second;
  RoundingBits<M> firstBits, secondBits;

  Moments(const compact::AdamState& state, const ThreefryKey& key, int64_t element)
      : first(from<M>(state.firstMoment, element)),
        second(from<M>(state.secondMoment, element)),
        firstBits(key, firstMomentStream, element),
        secondBits(key, secondMomentStream, element) {}

  /** Updates a group of them and gives U. */
  template <class G, class AnyGroup>
  auto update(const AdamConstants& constants, const G* gradient, AnyGroup group) const {
    auto m = loadSome(first, group), v = loadSome(second, group);
    const auto direction = adamDirectionOf(constants, loadSome(gradient, group), m, v);
    storeByChance(first, m, firstBits, group);
    storeByChance(second, v, secondBits, group);
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
    const ThreefryKey key(call.adam.rounding.key0, call.adam.rounding.key1);
    forEachRounded(begin, end, [&](int64_t element, int elements) {
      const Moments<M> moments(call.adam, key, element);
      const RoundingBits<W> weightBits(key, weightStream, element);
      W* weight = from<W>(call.weight, element);
      const G* gradient = from<G>(call.gradient, element);
      forEachGroup(elements, [&](auto group) {
        const auto direction = moments.update(constants, gradient, group);
        storeByChance(weight, fnma(step, direction, mul(keep, loadSome(weight, group))), weightBits, group);
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
    const ThreefryKey key(call.adam.rounding.key0, call.adam.rounding.key1);
    forEachRounded(begin, end, [&](int64_t element, int elements) {
      const Moments<M> moments(call.adam, key, element);
      G* gradient = from<G>(call.gradient, element);
      forEachGroup(elements, [&](auto group) {
        storeSome(gradient, mul(factor, moments.update(constants, gradient, group)), group);
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
