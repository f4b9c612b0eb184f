// Only a peak: the yardstick for a bf16 product.
#include <immintrin.h>

#include "../peak/stopwatch.h"
#include "tiers.h"

namespace compact {

double peakBf16() {
  constexpr int sums = 24;
  constexpr int64_t rounds = 200000;
  return bestRate(2.0 * 32 * sums * rounds, [] {
    // Local, and all loops over it unrolled, or the sums would live in memory; and all different, or they would be one.
    __m512 sum[sums];
    __m512bh a = _mm512_cvtne2ps_pbh(_mm512_set1_ps(0.5f), _mm512_set1_ps(0.25f));
#pragma GCC unroll 24
    for (int i = 0; i < sums; i++) sum[i] = _mm512_set1_ps(static_cast<float>(i));
    for (int64_t round = 0; round < rounds; round++) {
#pragma GCC unroll 24
      for (int i = 0; i < sums; i++) sum[i] = _mm512_dpbf16_ps(sum[i], a, a);
      // Someone may have looked at a and changed it: the loop cannot be shortened.
      __asm__ volatile("" : "+v"(a));
    }
#pragma GCC unroll 24
    for (int i = 0; i < sums; i++) __asm__ volatile("" : "+v"(sum[i]));
  });
}

}  // namespace compact
