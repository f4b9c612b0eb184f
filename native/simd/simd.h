// The logical vector of sixteen floats that all kernels are written with, and loops over it. Which registers it is made of
// is decided by the translation unit (native/tiers) that includes it.
#pragma once

#if defined(COMPACT_AVX512)
#include "avx512.h"
#elif defined(COMPACT_AVX2)
#include "avx2.h"
#elif defined(COMPACT_NEON)
#include "neon.h"
#else
#include "generic.h"
#endif
#if !defined(COMPACT_AVX512)
#include "partial-halves.h"
#endif
#include "math.h"
#include "bf16.h"

namespace COMPACT_TIER {
namespace {

constexpr int lanes = 16;

INLINE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
INLINE int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
INLINE int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
INLINE int64_t roundUp(int64_t a, int64_t b) { return ceilDiv(a, b) * b; }

/** Transposes rows that lie `step` elements apart, f32 or bf16; see transposeBlock of the tiers. */
template <class Element>
INLINE void transposeBlock(const Element* from, int64_t step, int rows, int columns, float* to, int64_t stride) {
  const auto row = [&](int i) { return columns == lanes ? load(from + i * step) : loadFirst(from + i * step, columns); };
  transposeBlock(row, rows, columns, to, stride);
}

/**
 * Calls body(offset, loader, storer) for each group of 16 elements of a row; the last group is masked.
 *
 * Elementwise kernels are written once with it: `load(p)` and `store(p, v)` act on p + offset; p is f32 or bf16.
 */
template <class Body>
INLINE void forEachVec(int64_t count, const Body& body) {
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    body([i](const auto* from) { return load(from + i); }, [i](auto* to, Vec x) { store(to + i, x); });
  }
  if (i < count) {
    const int rest = static_cast<int>(count - i);
    body([i, rest](const auto* from) { return loadFirst(from + i, rest); },
         [i, rest](auto* to, Vec x) { storeFirst(to + i, x, rest); });
  }
}

/**
 * Sum of term(offset, count) over groups of 16, in four running vectors that take turns: one fixed order for all tiers.
 * The term of a masked group must be 0 in the lanes beyond `count`.
 */
template <class Term>
INLINE float sumOverVecs(int64_t count, const Term& accumulate) {
  Vec sums[4] = {zero(), zero(), zero(), zero()};
  int64_t i = 0;
  for (; i + 4 * lanes <= count; i += 4 * lanes) {
    for (int part = 0; part < 4; part++) {
      const int64_t at = i + part * lanes;
      sums[part] = accumulate([at](const auto* from) { return load(from + at); }, sums[part]);
    }
  }
  for (int part = 0; i < count; part++, i += lanes) {
    const int64_t at = i;
    const int rest = static_cast<int>(smaller(lanes, count - i));
    sums[part] = accumulate([at, rest](const auto* from) { return loadFirst(from + at, rest); }, sums[part]);
  }
  return reduceAdd(add(add(sums[0], sums[1]), add(sums[2], sums[3])));
}

template <class A, class B>
INLINE float dotProduct(const A* a, const B* b, int64_t count) {
  return sumOverVecs(count, [a, b](auto at, Vec sum) { return fma(at(a), at(b), sum); });
}

}  // namespace
}  // namespace COMPACT_TIER
