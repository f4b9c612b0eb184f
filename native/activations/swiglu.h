// SwiGLU over `count` elements: a = g·σ(g), p = a∘u.
#pragma once
#include "../storage/stored.h"
#include "../threads/parallel.h"

namespace COMPACT_TIER {
namespace {

/** Elements per block: exp makes an element some three times as costly as a plain load and store. */
constexpr int64_t swigluGrain = elementGrain / 2;

/** out = x·σ(x); out may be x. */
void siluKernel(Pool* pool, const compact::SiluCall& call) {
  withStorage(call.stored, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    parallelRanges(pool, call.count, swigluGrain, [&](int64_t begin, int64_t end) {
      const T* values = from<T>(call.x, begin);
      T* out = from<T>(call.out, begin);
      forEachVec(end - begin, [&](auto at, auto put) {
        const Vec x = at(values);
        put(out, mul(x, sigmoid(x)));
      });
    });
  });
}

/** p = a∘u and, if wanted, a; p may be g or u. */
void swigluKernel(Pool* pool, const compact::SwigluCall& call) {
  withStorage(call.stored, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    parallelRanges(pool, call.count, swigluGrain, [&](int64_t begin, int64_t end) {
      const T *gate = from<T>(call.gate, begin), *up = from<T>(call.up, begin);
      T *out = from<T>(call.out, begin), *activated = from<T>(call.activated, begin);
      forEachVec(end - begin, [&](auto at, auto put) {
        const Vec g = at(gate), u = at(up);
        const Vec a = mul(g, sigmoid(g));
        if (activated != nullptr) put(activated, a);
        put(out, mul(a, u));
      });
    });
  });
}

/** du = dp∘a, dg = dp∘u∘σ∘(1 + g∘(1−σ)); a is recomputed where it was not kept, in f32 to the same bits. */
void swigluBackwardKernel(Pool* pool, const compact::SwigluBackwardCall& call) {
  withStorage(call.stored, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    parallelRanges(pool, call.count, swigluGrain, [&](int64_t begin, int64_t end) {
      const T *gate = from<T>(call.gate, begin), *up = from<T>(call.up, begin), *dy = from<T>(call.dy, begin);
      const T* activated = from<T>(call.activated, begin);
      T *dGate = from<T>(call.dGate, begin), *dUp = from<T>(call.dUp, begin);
      const Vec one = set(1.0f);
      forEachVec(end - begin, [&](auto at, auto put) {
        // All loads come first: the outputs may be dy, gate or up.
        const Vec g = at(gate), u = at(up), dp = at(dy);
        const Vec s = sigmoid(g);
        const Vec a = activated != nullptr ? at(activated) : mul(g, s);
        const Vec slope = mul(s, fma(g, sub(one, s), one));
        put(dUp, mul(dp, a));
        put(dGate, mul(mul(dp, u), slope));
      });
    });
  });
}

}  // namespace
}  // namespace COMPACT_TIER
