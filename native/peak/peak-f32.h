// Fused multiply-adds in registers: the peak that the matrix product is measured against.
#pragma once
#include "../simd/simd.h"
#include "stopwatch.h"

namespace COMPACT_TIER {
namespace {

/** Tells the compiler that something looks at x and may change it, at the cost of no instruction. */
INLINE void keep(Vec& x) {
#if defined(COMPACT_AVX512)
  __asm__ volatile("" : "+v"(x));
#elif defined(COMPACT_AVX2)
  __asm__ volatile("" : "+x"(x.lo), "+x"(x.hi));
#elif defined(COMPACT_NEON)
  __asm__ volatile("" : "+w"(x.part[0]), "+w"(x.part[1]), "+w"(x.part[2]), "+w"(x.part[3]));
#else
  __asm__ volatile("" : "+m"(x));
#endif
}

double peakF32() {
#if defined(COMPACT_AVX512) || defined(COMPACT_AVX2) || defined(COMPACT_NEON)
  // As many sums as the register tile has; two registers per Vec in AVX2, four in NEON.
  constexpr int sums = tileColumns / lanes * tileRows;
  constexpr int64_t rounds = 200000;
#else
  constexpr int sums = 2;
  constexpr int64_t rounds = 20000;
#endif
  return bestRate(2.0 * lanes * sums * static_cast<double>(rounds), [] {
    // Local, and all loops over it unrolled, or the sums would live in memory; and all different, or they would be one.
    Vec sum[sums];
    Vec a = set(0.5f), b = set(0.25f);
#pragma GCC unroll 28
    for (int i = 0; i < sums; i++) sum[i] = set(static_cast<float>(i));
    for (int64_t round = 0; round < rounds; round++) {
#pragma GCC unroll 28
      for (int i = 0; i < sums; i++) sum[i] = fma(a, b, sum[i]);
      keep(a);
    }
#pragma GCC unroll 28
    for (int i = 0; i < sums; i++) keep(sum[i]);
  });
}

}  // namespace
}  // namespace COMPACT_TIER
