// fill, add, multiply, scale, copy over `count` elements of any shape.
#pragma once
#include "../calls.h"
#include "../threads/parallel.h"
#include "bf16.h"

namespace COMPACT_TIER {
namespace {

/** out = value. */
void fillKernel(Pool* pool, const compact::FillCall& call) {
  parallelRanges(pool, call.count, elementGrain, [&](int64_t begin, int64_t end) {
    float* out = call.out + begin;
    const Vec value = set(call.value);
    forEachVec(end - begin, [&](auto, auto put) { put(out, value); });
  });
}

/** out = value in every byte. */
void fillBytesKernel(Pool* pool, const compact::FillBytesCall& call) {
  parallelRanges(pool, call.count, 4 * elementGrain, [&](int64_t begin, int64_t end) {
    __builtin_memset(call.out + begin, call.value, static_cast<size_t>(end - begin));
  });
}

/** out = a + b; out may be a or b. */
void addKernel(Pool* pool, const compact::AddCall& call) {
  parallelRanges(pool, call.count, elementGrain, [&](int64_t begin, int64_t end) {
    const float *a = call.a + begin, *b = call.b + begin;
    float* out = call.out + begin;
    forEachVec(end - begin, [&](auto at, auto put) { put(out, add(at(a), at(b))); });
  });
}

/** out = a∘b; out may be a or b. */
void multiplyKernel(Pool* pool, const compact::MultiplyCall& call) {
  parallelRanges(pool, call.count, elementGrain, [&](int64_t begin, int64_t end) {
    const float *a = call.a + begin, *b = call.b + begin;
    float* out = call.out + begin;
    forEachVec(end - begin, [&](auto at, auto put) { put(out, mul(at(a), at(b))); });
  });
}

/** x ← x·diag(factors), by rows. */
void scaleColumnsKernel(Pool* pool, const compact::ScaleColumnsCall& call) {
  parallelRanges(pool, call.rows, rowGrain(call.columns), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      float* x = call.x + row * call.columns;
      forEachVec(call.columns, [&](auto at, auto put) { put(x, mul(at(x), at(call.factors))); });
    }
  });
}

/** x ← factor·x; the factor times `by` is rounded once. */
void scaleKernel(Pool* pool, const compact::ScaleCall& call) {
  const double by = call.by != nullptr ? static_cast<double>(*call.by) : 1.0;
  parallelRanges(pool, call.count, elementGrain, [&](int64_t begin, int64_t end) {
    float* x = call.x + begin;
    const Vec factor = set(static_cast<float>(call.factor * by));
    forEachVec(end - begin, [&](auto at, auto put) { put(x, mul(factor, at(x))); });
  });
}

/** out ← beta·out + alpha·x; alpha times its factor is rounded once. */
void axpbyKernel(Pool* pool, const compact::AxpbyCall& call) {
  const double factor = call.alphaFactor != nullptr ? static_cast<double>(*call.alphaFactor) : 1.0;
  const Vec alpha = set(static_cast<float>(call.alpha * factor)), beta = set(static_cast<float>(call.beta));
  parallelRanges(pool, call.count, elementGrain, [&](int64_t begin, int64_t end) {
    const float* x = call.x + begin;
    float* out = call.out + begin;
    forEachVec(end - begin, [&](auto at, auto put) { put(out, fma(alpha, at(x), mul(beta, at(out)))); });
  });
}

/** out = x, converted where the element types differ. */
void copyKernel(Pool* pool, const compact::CopyCall& call) {
  using compact::Stored;
  parallelRanges(pool, call.count, elementGrain, [&](int64_t begin, int64_t end) {
    const int64_t count = end - begin;
    const float* x = static_cast<const float*>(call.x) + begin;
    const uint16_t* halfX = static_cast<const uint16_t*>(call.x) + begin;
    float* out = static_cast<float*>(call.out) + begin;
    uint16_t* halfOut = static_cast<uint16_t*>(call.out) + begin;
    if (call.from == Stored::f32) {
      if (call.to == Stored::f32) __builtin_memmove(out, x, static_cast<size_t>(count) * sizeof(float));
      else narrowToBf16(x, halfOut, count);
    } else {
      if (call.to == Stored::f32) widenFromBf16(halfX, out, count);
      else __builtin_memmove(halfOut, halfX, static_cast<size_t>(count) * sizeof(uint16_t));
    }
  });
}

}  // namespace
}  // namespace COMPACT_TIER
