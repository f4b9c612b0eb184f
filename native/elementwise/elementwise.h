// fill, add, multiply, scale, axpby, copy over `count` elements of any shape.
#pragma once
#include "../optimizer/stochastic-rounding.h"
#include "../threads/parallel.h"

namespace COMPACT_TIER {
namespace {

/** out = value. */
void fillKernel(Pool* pool, const compact::FillCall& call) {
  withStorage(call.stored, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    parallelRanges(pool, call.count, elementGrain, [&](int64_t begin, int64_t end) {
      T* out = from<T>(call.out, begin);
      const Vec value = set(call.value);
      forEachVec(end - begin, [&](auto, auto put) { put(out, value); });
    });
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
  withStorage(call.stored, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    parallelRanges(pool, call.count, elementGrain, [&](int64_t begin, int64_t end) {
      const T *a = from<T>(call.a, begin), *b = from<T>(call.b, begin);
      T* out = from<T>(call.out, begin);
      forEachVec(end - begin, [&](auto at, auto put) { put(out, add(at(a), at(b))); });
    });
  });
}

/** out = a∘b; out may be a or b. */
void multiplyKernel(Pool* pool, const compact::MultiplyCall& call) {
  withStorage(call.stored, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    parallelRanges(pool, call.count, elementGrain, [&](int64_t begin, int64_t end) {
      const T *a = from<T>(call.a, begin), *b = from<T>(call.b, begin);
      T* out = from<T>(call.out, begin);
      forEachVec(end - begin, [&](auto at, auto put) { put(out, mul(at(a), at(b))); });
    });
  });
}

/** x ← x·diag(factors), by rows. */
void scaleColumnsKernel(Pool* pool, const compact::ScaleColumnsCall& call) {
  withStorage(call.stored, [&](auto storage) {
    withStorage(call.factorsStored, [&](auto factorStorage) {
      using T = typename decltype(storage)::Type;
      const auto* factors = from<typename decltype(factorStorage)::Type>(call.factors, 0);
      parallelRanges(pool, call.rows, rowGrain(call.columns), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; row++) {
          T* x = from<T>(call.x, row * call.columns);
          forEachVec(call.columns, [&](auto at, auto put) { put(x, mul(at(x), at(factors))); });
        }
      });
    });
  });
}

/** x ← factor·x; the factor times `by` is rounded once. */
void scaleKernel(Pool* pool, const compact::ScaleCall& call) {
  const double by = call.by != nullptr ? static_cast<double>(*call.by) : 1.0;
  const Vec factor = set(static_cast<float>(call.factor * by));
  withStorage(call.stored, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    parallelRanges(pool, call.count, elementGrain, [&](int64_t begin, int64_t end) {
      T* x = from<T>(call.x, begin);
      forEachVec(end - begin, [&](auto at, auto put) { put(x, mul(factor, at(x))); });
    });
  });
}

/** out ← beta·out + alpha·x, a bf16 `out` rounded by chance; alpha times its factor is rounded once. */
void axpbyKernel(Pool* pool, const compact::AxpbyCall& call) {
  const double alphaFactor = call.alphaFactor != nullptr ? static_cast<double>(*call.alphaFactor) : 1.0;
  const Vec alpha = set(static_cast<float>(call.alpha * alphaFactor)), beta = set(static_cast<float>(call.beta));
  withStorage(call.xStored, [&](auto xStorage) {
    withStorage(call.outStored, [&](auto outStorage) {
      using X = typename decltype(xStorage)::Type;
      using Out = typename decltype(outStorage)::Type;
      parallelRanges(pool, call.count, elementGrain, [&](int64_t begin, int64_t end) {
        const ThreefryKey key(call.rounding.key0, call.rounding.key1);
        forEachRounded(begin, end, [&](int64_t element, int elements) {
          const RoundingBits<Out> bits(key, weightStream, element);
          const X* x = from<X>(call.x, element);
          Out* out = from<Out>(call.out, element);
          forEachGroup(elements, [&](auto group) {
            storeByChance(out, fma(alpha, loadSome(x, group), mul(beta, loadSome(out, group))), bits, group);
          });
        });
      });
    });
  });
}

/** out = x, converted where the element types differ. */
void copyKernel(Pool* pool, const compact::CopyCall& call) {
  parallelRanges(pool, call.count, elementGrain, [&](int64_t begin, int64_t end) {
    const int64_t count = end - begin;
    if (call.from == call.to) {
      const int64_t width = compact::bytesOf(call.from);
      __builtin_memmove(static_cast<char*>(call.out) + begin * width, static_cast<const char*>(call.x) + begin * width,
                        static_cast<size_t>(count * width));
    } else if (call.from == Stored::f32) {
      const float* x = from<float>(call.x, begin);
      uint16_t* out = from<uint16_t>(call.out, begin);
      forEachVec(count, [&](auto at, auto put) { put(out, at(x)); });
    } else {
      const uint16_t* x = from<uint16_t>(call.x, begin);
      float* out = from<float>(call.out, begin);
      forEachVec(count, [&](auto at, auto put) { put(out, at(x)); });
    }
  });
}

}  // namespace
}  // namespace COMPACT_TIER
