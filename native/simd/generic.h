// Sixteen floats as four vectors of four, in the compilers' own vector types: runs anywhere (SSE2, or what the compiler has) and
// gives the bits of the other tiers.
#pragma once
#include <cstdint>
#include <cstring>
#if defined(__SSE2__) && !defined(__FP_FAST_FMAF)
#include <emmintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))

namespace COMPACT_TIER {
namespace {

typedef float FourFloats __attribute__((vector_size(16)));
typedef uint32_t FourWords __attribute__((vector_size(16)));
typedef int32_t FourIntegers __attribute__((vector_size(16)));

struct Vec {
  FourFloats part[4];
};
struct Words {
  FourWords part[4];
};
/** All bits of a lane set or none. */
struct Mask {
  FourWords part[4];
};

constexpr int tileRows = 4;
constexpr int tileColumns = 16;

#define EACH_PART _Pragma("GCC unroll 4") for (int i = 0; i < 4; i++)

INLINE Vec set(float value) {
  const FourFloats four = {value, value, value, value};
  return {{four, four, four, four}};
}
INLINE Vec zero() { return set(0); }
INLINE Vec load(const float* from) {
  Vec r;
  memcpy(&r, from, sizeof r);
  return r;
}
INLINE void store(float* to, Vec x) { memcpy(to, &x, sizeof x); }
INLINE Vec loadFirst(const float* from, int count) {
  float lanesOf[16] = {};
  for (int i = 0; i < count; i++) lanesOf[i] = from[i];
  return load(lanesOf);
}
INLINE void storeFirst(float* to, Vec x, int count) {
  float lanesOf[16];
  store(lanesOf, x);
  for (int i = 0; i < count; i++) to[i] = lanesOf[i];
}
INLINE float firstLane(Vec x) { return x.part[0][0]; }

#define PARTWISE(Type, name, expression)              \
  INLINE Type name(Type a, Type b) {                  \
    Type r;                                           \
    EACH_PART {                                       \
      const auto x = a.part[i];                       \
      const auto y = b.part[i];                       \
      r.part[i] = expression;                         \
    }                                                 \
    return r;                                         \
  }
PARTWISE(Vec, add, x + y)
PARTWISE(Vec, sub, x - y)
PARTWISE(Vec, mul, x* y)
PARTWISE(Vec, div, x / y)
PARTWISE(Words, add, x + y)
PARTWISE(Words, sub, x - y)
PARTWISE(Words, bitAnd, x& y)
PARTWISE(Words, bitOr, x | y)
PARTWISE(Words, bitXor, x ^ y)
#undef PARTWISE

INLINE Words asWords(Vec x) {
  Words r;
  memcpy(&r, &x, sizeof r);
  return r;
}
INLINE Vec asFloats(Words x) {
  Vec r;
  memcpy(&r, &x, sizeof r);
  return r;
}

INLINE Mask less(Vec a, Vec b) {
  Mask r;
  EACH_PART r.part[i] = reinterpret_cast<FourWords>(a.part[i] < b.part[i]);
  return r;
}
/** a < b, both as signed integers. */
INLINE Mask lessSigned(Words a, Words b) {
  Mask r;
  EACH_PART {
    r.part[i] = reinterpret_cast<FourWords>(reinterpret_cast<FourIntegers>(a.part[i]) <
                                            reinterpret_cast<FourIntegers>(b.part[i]));
  }
  return r;
}
INLINE Words select(Mask mask, Words yes, Words no) {
  Words r;
  EACH_PART r.part[i] = (mask.part[i] & yes.part[i]) | (~mask.part[i] & no.part[i]);
  return r;
}
INLINE Vec select(Mask mask, Vec yes, Vec no) { return asFloats(select(mask, asWords(yes), asWords(no))); }
/** a > b ? a : b, thus b where either is NaN. */
INLINE Vec max(Vec a, Vec b) { return select(less(b, a), a, b); }
/** a < b ? a : b, thus b where either is NaN. */
INLINE Vec min(Vec a, Vec b) { return select(less(a, b), a, b); }

INLINE Vec squareRoot(Vec x) {
  EACH_PART for (int lane = 0; lane < 4; lane++) x.part[i][lane] = __builtin_sqrtf(x.part[i][lane]);
  return x;
}

#if defined(__SSE2__) && !defined(__FP_FAST_FMAF)
/** Out of line, to keep this rare case out of every unrolled loop. */
__attribute__((noinline, cold)) FourFloats fmaFourByLibrary(FourFloats a, FourFloats b, FourFloats c) {
  for (int lane = 0; lane < 4; lane++) a[lane] = __builtin_fmaf(a[lane], b[lane], c[lane]);
  return a;
}

/**
 * a·b + c with one rounding, without an fma instruction: the sum is taken in float64, where the product is exact. Only a sum
 * half-way between two floats can then round twice (the 29 bits that a double has beyond a float are 1000…); it takes the
 * slow way through the library.
 */
INLINE FourFloats fmaFour(FourFloats a, FourFloats b, FourFloats c) {
  const __m128 af = (__m128)a, bf = (__m128)b, cf = (__m128)c;
  const __m128d low = _mm_add_pd(_mm_mul_pd(_mm_cvtps_pd(af), _mm_cvtps_pd(bf)), _mm_cvtps_pd(cf));
  const __m128d high = _mm_add_pd(
      _mm_mul_pd(_mm_cvtps_pd(_mm_movehl_ps(af, af)), _mm_cvtps_pd(_mm_movehl_ps(bf, bf))),
      _mm_cvtps_pd(_mm_movehl_ps(cf, cf)));
  const __m128i surplus = _mm_set_epi32(0, 0x1fffffff, 0, 0x1fffffff), half = _mm_set_epi32(-1, 0x10000000, -1, 0x10000000);
  const __m128i halfWay = _mm_or_si128(_mm_cmpeq_epi32(_mm_and_si128(_mm_castpd_si128(low), surplus), half),
                                       _mm_cmpeq_epi32(_mm_and_si128(_mm_castpd_si128(high), surplus), half));
  if (__builtin_expect(_mm_movemask_epi8(halfWay) != 0, 0)) return fmaFourByLibrary(a, b, c);
  return (FourFloats)_mm_movelh_ps(_mm_cvtpd_ps(low), _mm_cvtpd_ps(high));
}
#else
/** a·b + c with one rounding. */
INLINE FourFloats fmaFour(FourFloats a, FourFloats b, FourFloats c) {
  for (int lane = 0; lane < 4; lane++) a[lane] = __builtin_fmaf(a[lane], b[lane], c[lane]);
  return a;
}
#endif
INLINE Vec fma(Vec a, Vec b, Vec c) {
  EACH_PART a.part[i] = fmaFour(a.part[i], b.part[i], c.part[i]);
  return a;
}
/** c − a·b with one rounding. */
INLINE Vec fnma(Vec a, Vec b, Vec c) {
  EACH_PART a.part[i] = -a.part[i];
  return fma(a, b, c);
}

INLINE Words setWords(uint32_t value) {
  const FourWords four = {value, value, value, value};
  return {{four, four, four, four}};
}
INLINE Words laneIndex() {
  const FourWords first = {0, 1, 2, 3};
  return {{first, first + 4, first + 8, first + 12}};
}
template <int bits>
INLINE Words shiftLeft(Words a) {
  EACH_PART a.part[i] <<= bits;
  return a;
}
template <int bits>
INLINE Words shiftRight(Words a) {
  EACH_PART a.part[i] >>= bits;
  return a;
}
template <int bits>
INLINE Words shiftRightSigned(Words a) {
  EACH_PART a.part[i] = reinterpret_cast<FourWords>(reinterpret_cast<FourIntegers>(a.part[i]) >> bits);
  return a;
}
/** Each word shifted by the lane's own number of bits. */
INLINE Words shiftRightEach(Words a, Words bits) {
  EACH_PART a.part[i] >>= bits.part[i];
  return a;
}
/** Signed integers to floats, nearest. */
INLINE Vec toFloats(Words x) {
  Vec r;
  EACH_PART r.part[i] = __builtin_convertvector(reinterpret_cast<FourIntegers>(x.part[i]), FourFloats);
  return r;
}
INLINE Words loadHalves(const uint16_t* from) {
  Words r;
  for (int i = 0; i < 16; i++) r.part[i / 4][i % 4] = from[i];
  return r;
}
INLINE void storeHalves(uint16_t* to, Words x) {
  for (int i = 0; i < 16; i++) to[i] = static_cast<uint16_t>(x.part[i / 4][i % 4]);
}
/** to[2i] = even[i], to[2i + 1] = odd[i]. */
INLINE void storeInterleaved(float* to, Vec even, Vec odd) {
  for (int i = 0; i < 16; i++) {
    to[2 * i] = even.part[i / 4][i % 4];
    to[2 * i + 1] = odd.part[i / 4][i % 4];
  }
}

/** Sum of the lanes in the one tree that all tiers use: halves of 16, of 8, of 4, of 2. */
INLINE float reduceAdd(Vec x) {
  const FourFloats four = (x.part[0] + x.part[2]) + (x.part[1] + x.part[3]);
  return (four[0] + four[2]) + (four[1] + four[3]);
}

/** Largest lane, in the same tree. */
INLINE float reduceMax(Vec x) {
  float lane[16];
  store(lane, x);
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; i++) lane[i] = lane[i] > lane[i + half] ? lane[i] : lane[i + half];
  }
  return lane[0];
}

/** to[column·stride + i] = lane `column` of row(i); missing rows of a wide tile read as 0. */
template <class Row>
INLINE void transposeBlock(const Row& row, int rows, int columns, float* to, int64_t stride) {
  const int stored = stride >= 16 ? 16 : rows;
#pragma GCC unroll 1
  for (int i = 0; i < stored; i++) {
    float lane[16] = {};
    if (i < rows) store(lane, row(i));
#pragma GCC unroll 1
    for (int column = 0; column < columns; column++) to[column * stride + i] = lane[column];
  }
}

#undef EACH_PART

}  // namespace
}  // namespace COMPACT_TIER
