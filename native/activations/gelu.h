// GELU, exact and by tanh, and tanh itself, over `count` elements.
#pragma once
#include "../simd/error-function.h"
#include "../storage/stored.h"
#include "../threads/parallel.h"

namespace COMPACT_TIER {
namespace {

/** Elements per block: an element costs some four times as much as a plain load and store. */
constexpr int64_t geluGrain = elementGrain / 4;

/** √(2/π) and its product with 0.044715, doubled: ½(1 + tanh u) = σ(2u). */
constexpr float geluSlope = 1.5957691216057308f;
constexpr float geluCubic = 0.07135481282826555f;

/** Φ(x) = ½(1 + erf(x/√2)). */
template <class V>
INLINE V normalDistribution(V x) {
  return mul(set(0.5f), add(set(1.0f), errorFunction(mul(x, set(0.70710678118654752f)))));
}

/** σ(2u) with u = √(2/π)·(x + 0.044715x³). */
template <class V>
INLINE V tanhGate(V x) { return sigmoid(mul(x, fma(mul(x, x), set(geluCubic), set(geluSlope)))); }

/** out = function(x) of a call with `stored`, `count`, `x` and `out`; out may be x. */
template <class Call, class Function>
INLINE void mapElements(Pool* pool, const Call& call, const Function& function) {
  withStorage(call.stored, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    parallelRanges(pool, call.count, geluGrain, [&](int64_t begin, int64_t end) {
      const T* x = from<T>(call.x, begin);
      T* out = from<T>(call.out, begin);
      forEachVec(end - begin, [&](auto at, auto put) { put(out, function(at(x))); });
    });
  });
}

/** dx = dy∘slope(value) of a call with `stored`, `count`, `dy` and `dx`; dx may be dy. */
template <class Call, class Slope>
INLINE void mapGradient(Pool* pool, const Call& call, const void* value, const Slope& slope) {
  withStorage(call.stored, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    parallelRanges(pool, call.count, geluGrain, [&](int64_t begin, int64_t end) {
      const T *values = from<T>(value, begin), *dy = from<T>(call.dy, begin);
      T* dx = from<T>(call.dx, begin);
      forEachVec(end - begin, [&](auto at, auto put) { put(dx, mul(at(dy), slope(at(values)))); });
    });
  });
}

void geluKernel(Pool* pool, const compact::GeluCall& call) {
  if (call.exact) {
    mapElements(pool, call, [](auto x) { return mul(x, normalDistribution(x)); });
  } else {
    mapElements(pool, call, [](auto x) { return mul(x, tanhGate(x)); });
  }
}

void geluBackwardKernel(Pool* pool, const compact::GeluBackwardCall& call) {
  if (call.exact) {
    mapGradient(pool, call, call.x, [](auto x) {
      // Φ + x·φ, φ = e^(−x²/2)/√(2π).
      const auto density = mul(set(0.3989422804014327f), exponential(mul(set(-0.5f), mul(x, x))));
      return fma(x, density, normalDistribution(x));
    });
  } else {
    mapGradient(pool, call, call.x, [](auto x) {
      // s + x·s·(1 − s)·(2u)′.
      const auto s = tanhGate(x);
      const auto inner = fma(mul(x, x), set(3.0f * geluCubic), set(geluSlope));
      return fma(mul(x, mul(s, sub(set(1.0f), s))), inner, s);
    });
  }
}

void tanhKernel(Pool* pool, const compact::TanhCall& call) {
  mapElements(pool, call, [](auto x) { return hyperbolicTangent(x); });
}

void tanhBackwardKernel(Pool* pool, const compact::TanhBackwardCall& call) {
  mapGradient(pool, call, call.y, [](auto y) { return fnma(y, y, set(1.0f)); });
}

}  // namespace
}  // namespace COMPACT_TIER
