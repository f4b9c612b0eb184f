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
      const T* x = from<T>(call.x, begin);
      T* out = from<T>(call.out, begin);
      forEachVecInStages(
          end - begin, [&](auto at) { return sigmoid(at(x)); },
          [&](auto at, auto put, auto s) { put(out, mul(at(x), s)); });
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
      forEachVecInStages(
          end - begin, [&](auto at) { return sigmoid(at(gate)); },
          [&](auto at, auto put, auto s) {
            const auto u = at(up), a = mul(at(gate), s);
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
      forEachVecInStages(
          end - begin, [&](auto at) { return sigmoid(at(gate)); },
          [&](auto at, auto put, auto s) {
            // All loads come first: the outputs may be dy, gate or up.
            const auto g = at(gate), u = at(up), dp = at(dy);
            const auto a = activated != nullptr ? at(activated) : mul(g, s);
            const auto slope = mul(s, fma(g, sub(one, s), one));
            put(dUp, mul(dp, a));
            put(dGate, mul(mul(dp, u), slope));
          });
    });
  });
}

}  // namespace
}  // namespace COMPACT_TIER
