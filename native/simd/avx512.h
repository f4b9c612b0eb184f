// Sixteen floats as one zmm register.
#pragma once
#include <immintrin.h>

#include <cstdint>

#define INLINE static inline __attribute__((always_inline))

namespace COMPACT_TIER {
namespace {

using Vec = __m512;
using Words = __m512i;
using Mask = __mmask16;

/** Register tile of the matrix product: 28 accumulators + 2 vectors of B + 1 broadcast of A = 31 of 32 registers. */
constexpr int tileRows = 14;
constexpr int tileColumns = 32;

INLINE Mask firstLanes(int count) { return static_cast<Mask>((1u << count) - 1u); }

INLINE Vec set(float value) { return _mm512_set1_ps(value); }
INLINE Vec zero() { return _mm512_setzero_ps(); }
INLINE Vec load(const float* from) { return _mm512_loadu_ps(from); }
INLINE void store(float* to, Vec x) { _mm512_storeu_ps(to, x); }
INLINE Vec loadFirst(const float* from, int count) { return _mm512_maskz_loadu_ps(firstLanes(count), from); }
INLINE void storeFirst(float* to, Vec x, int count) { _mm512_mask_storeu_ps(to, firstLanes(count), x); }
INLINE float firstLane(Vec x) { return _mm512_cvtss_f32(x); }

INLINE Vec add(Vec a, Vec b) { return _mm512_add_ps(a, b); }
INLINE Vec sub(Vec a, Vec b) { return _mm512_sub_ps(a, b); }
INLINE Vec mul(Vec a, Vec b) { return _mm512_mul_ps(a, b); }
INLINE Vec div(Vec a, Vec b) { return _mm512_div_ps(a, b); }
INLINE Vec squareRoot(Vec x) { return _mm512_sqrt_ps(x); }
/** a·b + c with one rounding. */
INLINE Vec fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
/** c − a·b with one rounding. */
INLINE Vec fnma(Vec a, Vec b, Vec c) { return _mm512_fnmadd_ps(a, b, c); }
/** x·2^n with one rounding, for whole numbers n. */
INLINE Vec timesPowerOfTwo(Vec x, Vec n) { return _mm512_scalef_ps(x, n); }
/** a > b ? a : b, thus b where either is NaN. */
INLINE Vec max(Vec a, Vec b) { return _mm512_max_ps(a, b); }
/** a < b ? a : b, thus b where either is NaN. */
INLINE Vec min(Vec a, Vec b) { return _mm512_min_ps(a, b); }

INLINE Mask less(Vec a, Vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
INLINE Vec select(Mask mask, Vec yes, Vec no) { return _mm512_mask_blend_ps(mask, no, yes); }
INLINE Words select(Mask mask, Words yes, Words no) { return _mm512_mask_blend_epi32(mask, no, yes); }

INLINE Words setWords(uint32_t value) { return _mm512_set1_epi32(static_cast<int>(value)); }
INLINE Words laneIndex() { return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15); }
/** first, first + step, first + 2·step, … */
INLINE Words wordsFrom(uint32_t first, uint32_t step) {
  return _mm512_add_epi32(setWords(first), _mm512_mullo_epi32(laneIndex(), setWords(step)));
}
INLINE Words add(Words a, Words b) { return _mm512_add_epi32(a, b); }
INLINE Words sub(Words a, Words b) { return _mm512_sub_epi32(a, b); }
INLINE Words bitAnd(Words a, Words b) { return _mm512_and_si512(a, b); }
INLINE Words bitOr(Words a, Words b) { return _mm512_or_si512(a, b); }
INLINE Words bitXor(Words a, Words b) { return _mm512_xor_si512(a, b); }
template <int bits>
INLINE Words shiftLeft(Words a) { return _mm512_slli_epi32(a, bits); }
template <int bits>
INLINE Words shiftRight(Words a) { return _mm512_srli_epi32(a, bits); }
template <int bits>
INLINE Words shiftRightSigned(Words a) { return _mm512_srai_epi32(a, bits); }
template <int bits>
INLINE Words rotateLeft(Words a) { return _mm512_rol_epi32(a, bits); }
/** Each word shifted by the lane's own number of bits. */
INLINE Words shiftRightEach(Words a, Words bits) { return _mm512_srlv_epi32(a, bits); }
/** a < b, both as signed integers. */
INLINE Mask lessSigned(Words a, Words b) { return _mm512_cmplt_epi32_mask(a, b); }
INLINE Words asWords(Vec x) { return _mm512_castps_si512(x); }
INLINE Vec asFloats(Words x) { return _mm512_castsi512_ps(x); }
/** Signed integers to floats, nearest. */
INLINE Vec toFloats(Words x) { return _mm512_cvtepi32_ps(x); }
INLINE Words loadHalves(const uint16_t* from) {
  return _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}
INLINE void storeHalves(uint16_t* to, Words x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_cvtepi32_epi16(x));
}
INLINE Words loadFirstHalves(const uint16_t* from, int count) {
  return _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(firstLanes(count), from));
}
INLINE void storeFirstHalves(uint16_t* to, Words x, int count) {
  _mm256_mask_storeu_epi16(to, firstLanes(count), _mm512_cvtepi32_epi16(x));
}

/** to[2i] = even[i], to[2i + 1] = odd[i]. */
INLINE void storeInterleaved(float* to, Vec even, Vec odd) {
  const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  store(to, _mm512_permutex2var_ps(even, low, odd));
  store(to + 16, _mm512_permutex2var_ps(even, _mm512_add_epi32(low, _mm512_set1_epi32(8)), odd));
}

/** Sum of the lanes in the one tree that all tiers use: halves of 16, of 8, of 4, of 2. */
INLINE float reduceAdd(Vec x) {
  const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

/** Largest lane, in the same tree. */
INLINE float reduceMax(Vec x) {
  const __m256 eight = _mm256_max_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}

/**
 * Transposes up to 16 rows of up to 16 columns: to[column·stride + i] = lane `column` of row(i); rows that are missing read as
 * 0. Always stores 16 lanes per column, so later columns overwrite the surplus of earlier ones.
 */
template <class Row>
INLINE void transposeBlock(const Row& row, int rows, int columns, float* to, int64_t stride) {
  __m512 r[16], t[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++) r[i] = i < rows ? row(i) : zero();
#pragma GCC unroll 8
  for (int i = 0; i < 8; i++) {
    t[2 * i] = _mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    r[4 * i] = _mm512_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
    r[4 * i + 1] = _mm512_shuffle_ps(t[4 * i], t[4 * i + 2], 0xee);
    r[4 * i + 2] = _mm512_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
    r[4 * i + 3] = _mm512_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xee);
  }
  // r[4i+c] now holds, in its four 128-bit quarters q, rows 4i..4i+3 of column 4q+c.
#pragma GCC unroll 4
  for (int c = 0; c < 4; c++) {
    const __m512 low01 = _mm512_shuffle_f32x4(r[c], r[4 + c], 0x88);
    const __m512 low23 = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0x88);
    const __m512 high01 = _mm512_shuffle_f32x4(r[c], r[4 + c], 0xdd);
    const __m512 high23 = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0xdd);
    t[c] = _mm512_shuffle_f32x4(low01, low23, 0x88);
    t[8 + c] = _mm512_shuffle_f32x4(low01, low23, 0xdd);
    t[4 + c] = _mm512_shuffle_f32x4(high01, high23, 0x88);
    t[12 + c] = _mm512_shuffle_f32x4(high01, high23, 0xdd);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++) {
    if (i < columns) _mm512_storeu_ps(to + i * stride, t[i]);
  }
}

}  // namespace
}  // namespace COMPACT_TIER
