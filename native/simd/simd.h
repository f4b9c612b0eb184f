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
#include "wide.h"

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
 * Calls body(at, put) for each group of 16 elements of a row, `first` of which are done; the last group is masked.
 *
 * `at(p)` and `put(p, v)` load and store at the group's place in p, which is f32 or bf16.
 */
template <class Body>
INLINE void forEachSixteen(int64_t count, const Body& body, int64_t first = 0) {
  int64_t i = first;
  for (; i + lanes <= count; i += lanes) {
    body([i](const auto* from) { return load(from + i); }, [i](auto* to, Vec x) { store(to + i, x); });
  }
  if (i < count) {
    const int rest = static_cast<int>(count - i);
    body([i, rest](const auto* from) { return loadFirst(from + i, rest); },
         [i, rest](auto* to, Vec x) { storeFirst(to + i, x, rest); });
  }
}

/** Stores thirty-two elements from the i-th on. */
INLINE auto widePut(int64_t i) {
  return [i](auto* to, Wide x) { storeWide(to + i, x); };
}

/** Elementwise kernels are written once with this: the same for a body that takes Vec and Wide alike. */
template <class Body>
INLINE void forEachVec(int64_t count, const Body& body) {
  int64_t i = 0;
  if constexpr (wideLoops) {
    for (; i + 2 * lanes <= count; i += 2 * lanes) {
      body([i](const auto* from) { return loadWide(from + i); }, widePut(i));
    }
  }
  forEachSixteen(count, body, i);
}

/**
 * Loads thirty-two elements from the i-th on, and asks for later ones. The processor itself fetches ahead into the second-level
 * cache only, and a loop with much arithmetic fills its window long before it comes to the next loads.
 */
INLINE auto fetchingWideAt(int64_t i) {
  return [i](const auto* from) {
    // By number: past the end of a tensor there is nothing to point to, and nothing to fetch either.
    __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(from + i) + 256));
    return loadWide(from + i);
  };
}

/**
 * body(at, put, early(at)) for each group, where early(at) is worked out one group ahead: the operations of an element are a
 * chain, and if it is long, too few elements fit into the processor's window. Outputs may be inputs.
 */
template <class Early, class Body>
INLINE void forEachVecInStages(int64_t count, const Early& early, const Body& body) {
  constexpr int64_t step = 2 * lanes;
  int64_t i = 0;
  if constexpr (wideLoops) {
    if (count >= step) {
      auto ready = early(fetchingWideAt(0));
      for (; i + 2 * step <= count; i += step) {
        const auto next = early(fetchingWideAt(i + step));
        body(fetchingWideAt(i), widePut(i), ready);
        ready = next;
      }
      body(fetchingWideAt(i), widePut(i), ready);
      i += step;
    }
  }
  forEachSixteen(count, [&](auto at, auto put) { body(at, put, early(at)); }, i);
}

/**
 * Sum of term(offset, count) over groups of 16, in four running vectors that take turns: one fixed order for all tiers.
 * The term of a masked group must be 0 in the lanes beyond `count`.
 */
template <class Term>
INLINE float sumOverVecs(int64_t count, const Term& accumulate) {
  Wide pairs[2] = {zero(), zero()};
  int64_t i = 0;
  for (; i + 4 * lanes <= count; i += 4 * lanes) {
    for (int part = 0; part < 2; part++) {
      const int64_t at = i + part * 2 * lanes;
      pairs[part] = accumulate([at](const auto* from) { return loadWide(from + at); }, pairs[part]);
    }
  }
  Vec sums[4] = {pairs[0].lo, pairs[0].hi, pairs[1].lo, pairs[1].hi};
  for (int part = 0; i < count; part++, i += lanes) {
    const int64_t at = i;
    const int rest = static_cast<int>(smaller(lanes, count - i));
    sums[part] = accumulate([at, rest](const auto* from) { return loadFirst(from + at, rest); }, sums[part]);
  }
  return reduceAdd(add(add(sums[0], sums[1]), add(sums[2], sums[3])));
}

template <class A, class B>
INLINE float dotProduct(const A* a, const B* b, int64_t count) {
  return sumOverVecs(count, [a, b](auto at, auto sum) { return fma(at(a), at(b), sum); });
}

}  // namespace
}  // namespace COMPACT_TIER
