// Sixteen floats as two ymm registers.
#pragma once
#include <immintrin.h>

#include <cstdint>

#define INLINE static inline __attribute__((always_inline))

namespace COMPACT_TIER {
namespace {

struct Vec {
  __m256 lo, hi;
};
struct Words {
  __m256i lo, hi;
};
struct Mask {
  __m256 lo, hi;
};

/** Register tile of the matrix product: 12 accumulators + 2 registers of B + 1 broadcast of A = 15 of 16. */
constexpr int tileRows = 6;
constexpr int tileColumns = 16;

alignas(64) constexpr int32_t laneMasks[32] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
                                               0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0};

INLINE Words firstLanes(int count) {
  const int32_t* from = laneMasks + 16 - count;
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)),
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + 8))};
}

INLINE Vec set(float value) {
  const __m256 x = _mm256_set1_ps(value);
  return {x, x};
}
INLINE Vec zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
INLINE Vec load(const float* from) { return {_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)}; }
INLINE void store(float* to, Vec x) {
  _mm256_storeu_ps(to, x.lo);
  _mm256_storeu_ps(to + 8, x.hi);
}
INLINE Vec loadFirst(const float* from, int count) {
  const Words mask = firstLanes(count);
  return {_mm256_maskload_ps(from, mask.lo), _mm256_maskload_ps(from + 8, mask.hi)};
}
INLINE void storeFirst(float* to, Vec x, int count) {
  const Words mask = firstLanes(count);
  _mm256_maskstore_ps(to, mask.lo, x.lo);
  _mm256_maskstore_ps(to + 8, mask.hi, x.hi);
}
INLINE float firstLane(Vec x) { return _mm256_cvtss_f32(x.lo); }

INLINE Vec add(Vec a, Vec b) { return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)}; }
INLINE Vec sub(Vec a, Vec b) { return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)}; }
INLINE Vec mul(Vec a, Vec b) { return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)}; }
INLINE Vec div(Vec a, Vec b) { return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)}; }
INLINE Vec squareRoot(Vec x) { return {_mm256_sqrt_ps(x.lo), _mm256_sqrt_ps(x.hi)}; }
/** a·b + c with one rounding. */
INLINE Vec fma(Vec a, Vec b, Vec c) {
  return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
/** c − a·b with one rounding. */
INLINE Vec fnma(Vec a, Vec b, Vec c) {
  return {_mm256_fnmadd_ps(a.lo, b.lo, c.lo), _mm256_fnmadd_ps(a.hi, b.hi, c.hi)};
}
/** a > b ? a : b, thus b where either is NaN. */
INLINE Vec max(Vec a, Vec b) { return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)}; }
/** a < b ? a : b, thus b where either is NaN. */
INLINE Vec min(Vec a, Vec b) { return {_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)}; }

INLINE Mask less(Vec a, Vec b) {
  return {_mm256_cmp_ps(a.lo, b.lo, _CMP_LT_OQ), _mm256_cmp_ps(a.hi, b.hi, _CMP_LT_OQ)};
}
INLINE Vec select(Mask mask, Vec yes, Vec no) {
  return {_mm256_blendv_ps(no.lo, yes.lo, mask.lo), _mm256_blendv_ps(no.hi, yes.hi, mask.hi)};
}

INLINE Words setWords(uint32_t value) {
  const __m256i x = _mm256_set1_epi32(static_cast<int>(value));
  return {x, x};
}
INLINE Words laneIndex() {
  return {_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15)};
}
INLINE Words add(Words a, Words b) { return {_mm256_add_epi32(a.lo, b.lo), _mm256_add_epi32(a.hi, b.hi)}; }
INLINE Words sub(Words a, Words b) { return {_mm256_sub_epi32(a.lo, b.lo), _mm256_sub_epi32(a.hi, b.hi)}; }
INLINE Words bitAnd(Words a, Words b) { return {_mm256_and_si256(a.lo, b.lo), _mm256_and_si256(a.hi, b.hi)}; }
INLINE Words bitOr(Words a, Words b) { return {_mm256_or_si256(a.lo, b.lo), _mm256_or_si256(a.hi, b.hi)}; }
INLINE Words bitXor(Words a, Words b) { return {_mm256_xor_si256(a.lo, b.lo), _mm256_xor_si256(a.hi, b.hi)}; }
template <int bits>
INLINE Words shiftLeft(Words a) { return {_mm256_slli_epi32(a.lo, bits), _mm256_slli_epi32(a.hi, bits)}; }
template <int bits>
INLINE Words shiftRight(Words a) { return {_mm256_srli_epi32(a.lo, bits), _mm256_srli_epi32(a.hi, bits)}; }
template <int bits>
INLINE Words shiftRightSigned(Words a) { return {_mm256_srai_epi32(a.lo, bits), _mm256_srai_epi32(a.hi, bits)}; }
/** Each word shifted by the lane's own number of bits. */
INLINE Words shiftRightEach(Words a, Words bits) {
  return {_mm256_srlv_epi32(a.lo, bits.lo), _mm256_srlv_epi32(a.hi, bits.hi)};
}
INLINE Words asWords(Vec x) { return {_mm256_castps_si256(x.lo), _mm256_castps_si256(x.hi)}; }
INLINE Vec asFloats(Words x) { return {_mm256_castsi256_ps(x.lo), _mm256_castsi256_ps(x.hi)}; }
/** a < b, both as signed integers. */
INLINE Mask lessSigned(Words a, Words b) {
  return {_mm256_castsi256_ps(_mm256_cmpgt_epi32(b.lo, a.lo)), _mm256_castsi256_ps(_mm256_cmpgt_epi32(b.hi, a.hi))};
}
INLINE Words select(Mask mask, Words yes, Words no) { return asWords(select(mask, asFloats(yes), asFloats(no))); }
/** Signed integers to floats, nearest. */
INLINE Vec toFloats(Words x) { return {_mm256_cvtepi32_ps(x.lo), _mm256_cvtepi32_ps(x.hi)}; }
INLINE Words loadHalves(const uint16_t* from) {
  return {_mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))),
          _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + 8)))};
}
INLINE void storeHalves(uint16_t* to, Words x) {
  // packus interleaves the 128-bit halves of its operands; the permutation puts them back in order.
  const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(x.lo, x.hi), 0xd8);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), packed);
}

INLINE void storeInterleavedEight(float* to, __m256 even, __m256 odd) {
  const __m256 low = _mm256_unpacklo_ps(even, odd), high = _mm256_unpackhi_ps(even, odd);
  _mm256_storeu_ps(to, _mm256_permute2f128_ps(low, high, 0x20));
  _mm256_storeu_ps(to + 8, _mm256_permute2f128_ps(low, high, 0x31));
}
/** to[2i] = even[i], to[2i + 1] = odd[i]. */
INLINE void storeInterleaved(float* to, Vec even, Vec odd) {
  storeInterleavedEight(to, even.lo, odd.lo);
  storeInterleavedEight(to + 16, even.hi, odd.hi);
}

/** Sum of the lanes in the one tree that all tiers use: halves of 16, of 8, of 4, of 2. */
INLINE float reduceAdd(Vec x) {
  const __m256 eight = _mm256_add_ps(x.lo, x.hi);
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

/** Largest lane, in the same tree. */
INLINE float reduceMax(Vec x) {
  const __m256 eight = _mm256_max_ps(x.lo, x.hi);
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}

/** Transposes 8 columns (fewer at the edge) of up to 8 rows; stores 8 lanes per column. */
template <class Row>
INLINE void transposeEight(const Row& row, int rows, int columns, float* to, int64_t stride) {
  __m256 r[8], t[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; i++) r[i] = i < rows ? row(i) : _mm256_setzero_ps();
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 2; i++) {
    r[4 * i] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
    r[4 * i + 1] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0xee);
    r[4 * i + 2] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
    r[4 * i + 3] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xee);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    t[i] = _mm256_permute2f128_ps(r[i], r[4 + i], 0x20);
    t[4 + i] = _mm256_permute2f128_ps(r[i], r[4 + i], 0x31);
  }
#pragma GCC unroll 8
  for (int i = 0; i < 8; i++) {
    if (i < columns) _mm256_storeu_ps(to + i * stride, t[i]);
  }
}

/**
 * Transposes up to 16 rows of up to 16 columns: to[column·stride + i] = lane `column` of row(i); rows that are missing read as
 * 0. Stores up to 16 lanes per column, so later columns overwrite the surplus of earlier ones.
 */
template <class Row>
INLINE void transposeBlock(const Row& row, int rows, int columns, float* to, int64_t stride) {
#pragma GCC unroll 2
  for (int first = 0; first < 16; first += 8) {
    // A narrow tile (stride < 16) has no second half unless it has more than 8 rows.
    if (first > 0 && stride < 16 && rows <= 8) continue;
    const auto low = [&](int i) { return row(first + i).lo; };
    const auto high = [&](int i) { return row(first + i).hi; };
    transposeEight(low, rows - first, columns, to + first, stride);
    if (columns > 8) transposeEight(high, rows - first, columns - 8, to + 8 * stride + first, stride);
  }
}

}  // namespace
}  // namespace COMPACT_TIER
