// AVX-512 with products of bf16: only products of two bf16 matrices, also within attention, differ from the AVX-512 tier.
#define COMPACT_TIER compact_avx512bf16
#define COMPACT_AVX512
#define COMPACT_AVX512BF16
#include "../attention/backward.h"
#include "../attention/forward.h"
#include "../attention/pair-scores.h"
#include "../gemm/pairs.h"
#include "../peak/stopwatch.h"
#include "tiers.h"

namespace COMPACT_TIER {
namespace {

void gemmOrPairs(Pool* pool, const compact::GemmCall& call) {
  if (call.aType == Stored::bf16 && call.bType == Stored::bf16) multiply<PairArithmetic>(pool, call);
  else compact::avx512Kernels.gemm(pool, call);
}

void attentionOrPairs(Pool* pool, const compact::AttentionCall& call) {
  if (call.stored == Stored::bf16) attend<uint16_t, PairScores>(pool, call);
  else compact::avx512Kernels.attention(pool, call);
}

void attentionBackwardOrPairs(Pool* pool, const compact::AttentionBackwardCall& call) {
  if (call.stored == Stored::bf16) attendBackward<uint16_t, PairScores>(pool, call);
  else compact::avx512Kernels.attentionBackward(pool, call);
}

double peakPairs() {
  constexpr int sums = 28;
  constexpr int64_t rounds = 200000;
  return bestRate(2.0 * 2 * lanes * sums * rounds, [] {
    // Local, and all loops over it unrolled, or the sums would live in memory; and all different, or they would be one.
    Vec sum[sums];
    Vec a = asFloats(setWords(0x3f003e80));
#pragma GCC unroll 28
    for (int i = 0; i < sums; i++) sum[i] = set(static_cast<float>(i));
    for (int64_t round = 0; round < rounds; round++) {
#pragma GCC unroll 28
      for (int i = 0; i < sums; i++) sum[i] = PairProducts::multiplyAdd(a, a, sum[i]);
      // Someone may have looked at a and changed it: the loop cannot be shortened.
      __asm__ volatile("" : "+v"(a));
    }
#pragma GCC unroll 28
    for (int i = 0; i < sums; i++) __asm__ volatile("" : "+v"(sum[i]));
  });
}

}  // namespace
}  // namespace COMPACT_TIER

namespace compact {

KernelTable avx512Bf16Kernels() {
  KernelTable table = avx512Kernels;
  table.name = "avx512bf16";
  table.gemm = compact_avx512bf16::gemmOrPairs;
  table.attention = compact_avx512bf16::attentionOrPairs;
  table.attentionBackward = compact_avx512bf16::attentionBackwardOrPairs;
  return table;
}

double peakBf16() { return compact_avx512bf16::peakPairs(); }

}  // namespace compact
