// SwiGLU over `count` elements: a = g·σ(g), p = a∘u.
#pragma once
#include "../calls.h"
#include "../threads/parallel.h"

namespace COMPACT_TIER {
namespace {

/** Elements per block: exp makes an element some three times as costly as a plain load and store. */
constexpr int64_t swigluGrain = elementGrain / 2;

/** out = x·σ(x); out may be x. */
void siluKernel(Pool* pool, const compact::SiluCall& call) {
  parallelRanges(pool, call.count, swigluGrain, [&](int64_t begin, int64_t end) {
    const float* from = call.x + begin;
    float* out = call.out + begin;
    forEachVec(end - begin, [&](auto at, auto put) {
      const Vec x = at(from);
      put(out, mul(x, sigmoid(x)));
    });
  });
}

/** p = a∘u and, if wanted, a; p may be g or u. */
void swigluKernel(Pool* pool, const compact::SwigluCall& call) {
  parallelRanges(pool, call.count, swigluGrain, [&](int64_t begin, int64_t end) {
    const float *gate = call.gate + begin, *up = call.up + begin;
    float* out = call.out + begin;
    float* activated = call.activated != nullptr ? call.activated + begin : nullptr;
    forEachVec(end - begin, [&](auto at, auto put) {
      const Vec g = at(gate);
      const Vec a = mul(g, sigmoid(g));
      if (activated != nullptr) put(activated, a);
      put(out, mul(a, at(up)));
    });
  });
}

/** du = dp∘a, dg = dp∘u∘σ∘(1 + g∘(1−σ)); a is recomputed, to the same bits, where it was not kept. */
void swigluBackwardKernel(Pool* pool, const compact::SwigluBackwardCall& call) {
  parallelRanges(pool, call.count, swigluGrain, [&](int64_t begin, int64_t end) {
    const float *gate = call.gate + begin, *up = call.up + begin, *dy = call.dy + begin;
    const float* activated = call.activated != nullptr ? call.activated + begin : nullptr;
    float *dGate = call.dGate + begin, *dUp = call.dUp + begin;
    const Vec one = set(1.0f);
    forEachVec(end - begin, [&](auto at, auto put) {
      // All loads come first: dGate or dUp may be dy.
      const Vec g = at(gate), u = at(up), dp = at(dy);
      const Vec s = sigmoid(g);
      const Vec a = activated != nullptr ? at(activated) : mul(g, s);
      const Vec slope = mul(s, fma(g, sub(one, s), one));
      put(dUp, mul(dp, a));
      put(dGate, mul(mul(dp, u), slope));
    });
  });
}

}  // namespace
}  // namespace COMPACT_TIER
