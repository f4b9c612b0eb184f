// GELU, exact and by tanh, and tanh itself, over `count` elements.
#pragma once
#include "../calls.h"
#include "../simd/error-function.h"
#include "../threads/parallel.h"

namespace COMPACT_TIER {
namespace {

/** Elements per block: an element costs some four times as much as a plain load and store. */
constexpr int64_t geluGrain = elementGrain / 4;

/** √(2/π) and its product with 0.044715, doubled: ½(1 + tanh u) = σ(2u). */
constexpr float geluSlope = 1.5957691216057308f;
constexpr float geluCubic = 0.07135481282826555f;

/** Φ(x) = ½(1 + erf(x/√2)). */
INLINE Vec normalDistribution(Vec x) {
  return mul(set(0.5f), add(set(1.0f), errorFunction(mul(x, set(0.70710678118654752f)))));
}

/** σ(2u) with u = √(2/π)·(x + 0.044715x³). */
INLINE Vec tanhGate(Vec x) { return sigmoid(mul(x, fma(mul(x, x), set(geluCubic), set(geluSlope)))); }

template <class Function>
INLINE void mapElements(Pool* pool, int64_t count, const float* x, float* out, const Function& function) {
  parallelRanges(pool, count, geluGrain, [&](int64_t begin, int64_t end) {
    const float* from = x + begin;
    float* to = out + begin;
    forEachVec(end - begin, [&](auto at, auto put) { put(to, function(at(from))); });
  });
}

/** dx = dy∘slope(value); dx may be dy. */
template <class Slope>
INLINE void mapGradient(Pool* pool, int64_t count, const float* value, const float* dy, float* dx, const Slope& slope) {
  parallelRanges(pool, count, geluGrain, [&](int64_t begin, int64_t end) {
    const float *from = value + begin, *gradient = dy + begin;
    float* to = dx + begin;
    forEachVec(end - begin, [&](auto at, auto put) { put(to, mul(at(gradient), slope(at(from)))); });
  });
}

void geluKernel(Pool* pool, const compact::GeluCall& call) {
  if (call.exact) {
    mapElements(pool, call.count, call.x, call.out, [](Vec x) { return mul(x, normalDistribution(x)); });
  } else {
    mapElements(pool, call.count, call.x, call.out, [](Vec x) { return mul(x, tanhGate(x)); });
  }
}

void geluBackwardKernel(Pool* pool, const compact::GeluBackwardCall& call) {
  if (call.exact) {
    mapGradient(pool, call.count, call.x, call.dy, call.dx, [](Vec x) {
      // Φ + x·φ, φ = e^(−x²/2)/√(2π).
      const Vec density = mul(set(0.3989422804014327f), exponential(mul(set(-0.5f), mul(x, x))));
      return fma(x, density, normalDistribution(x));
    });
  } else {
    mapGradient(pool, call.count, call.x, call.dy, call.dx, [](Vec x) {
      // s + x·s·(1 − s)·(2u)′.
      const Vec s = tanhGate(x);
      const Vec inner = fma(mul(x, x), set(3.0f * geluCubic), set(geluSlope));
      return fma(mul(x, mul(s, sub(set(1.0f), s))), inner, s);
    });
  }
}

void tanhKernel(Pool* pool, const compact::TanhCall& call) {
  mapElements(pool, call.count, call.x, call.out, [](Vec x) { return hyperbolicTangent(x); });
}

void tanhBackwardKernel(Pool* pool, const compact::TanhBackwardCall& call) {
  mapGradient(pool, call.count, call.y, call.dy, call.dx, [](Vec y) { return fnma(y, y, set(1.0f)); });
}

}  // namespace
}  // namespace COMPACT_TIER
