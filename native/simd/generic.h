// Sixteen floats as an array: runs anywhere, and gives the bits of the other tiers.
#pragma once
#include <cstdint>
#include <cstring>

#define INLINE static inline __attribute__((always_inline))

namespace COMPACT_TIER {
namespace {

struct Vec {
  float lane[16];
};
struct Words {
  uint32_t lane[16];
};
struct Mask {
  uint32_t lane[16];
};

constexpr int tileRows = 4;
constexpr int tileColumns = 16;

#define EACH_LANE for (int i = 0; i < 16; i++)

INLINE Vec set(float value) {
  Vec r;
  EACH_LANE r.lane[i] = value;
  return r;
}
INLINE Vec zero() { return set(0); }
INLINE Vec load(const float* from) {
  Vec r;
  memcpy(r.lane, from, sizeof r.lane);
  return r;
}
INLINE void store(float* to, Vec x) { memcpy(to, x.lane, sizeof x.lane); }
INLINE Vec loadFirst(const float* from, int count) {
  Vec r = zero();
  for (int i = 0; i < count; i++) r.lane[i] = from[i];
  return r;
}
INLINE void storeFirst(float* to, Vec x, int count) {
  for (int i = 0; i < count; i++) to[i] = x.lane[i];
}
INLINE float firstLane(Vec x) { return x.lane[0]; }

#define LANEWISE(name, expression)   \
  INLINE Vec name(Vec a, Vec b) {    \
    Vec r;                           \
    EACH_LANE {                      \
      const float x = a.lane[i];     \
      const float y = b.lane[i];     \
      r.lane[i] = expression;        \
    }                                \
    return r;                        \
  }
LANEWISE(add, x + y)
LANEWISE(sub, x - y)
LANEWISE(mul, x* y)
LANEWISE(div, x / y)
LANEWISE(max, x > y ? x : y)
LANEWISE(min, x < y ? x : y)
#undef LANEWISE

INLINE Vec squareRoot(Vec x) {
  Vec r;
  EACH_LANE r.lane[i] = __builtin_sqrtf(x.lane[i]);
  return r;
}

/**
 * a·b + c with one rounding. Without an fma instruction the sum is taken in float64, where the product is exact; only a sum
 * that lies half-way between two floats could then round twice, and only it takes the slow way through the library.
 */
INLINE Vec fma(Vec a, Vec b, Vec c) {
  Vec r;
#ifdef __FP_FAST_FMAF
  EACH_LANE r.lane[i] = __builtin_fmaf(a.lane[i], b.lane[i], c.lane[i]);
#else
  double sum[16];
  uint32_t low[16];
  EACH_LANE sum[i] = static_cast<double>(a.lane[i]) * static_cast<double>(b.lane[i]) + static_cast<double>(c.lane[i]);
  EACH_LANE {
    uint64_t bits;
    memcpy(&bits, &sum[i], sizeof bits);
    low[i] = static_cast<uint32_t>(bits);
  }
  EACH_LANE r.lane[i] = static_cast<float>(sum[i]);
  // The 29 bits that a double has beyond a float: 1000… is the half-way case.
  uint32_t halfWay = 0;
  EACH_LANE halfWay |= (low[i] & 0x1fffffffu) == 0x10000000u ? 1u : 0u;
  if (__builtin_expect(halfWay != 0, 0)) {
    EACH_LANE r.lane[i] = __builtin_fmaf(a.lane[i], b.lane[i], c.lane[i]);
  }
#endif
  return r;
}
/** c − a·b with one rounding. */
INLINE Vec fnma(Vec a, Vec b, Vec c) {
  EACH_LANE a.lane[i] = -a.lane[i];
  return fma(a, b, c);
}

INLINE Mask less(Vec a, Vec b) {
  Mask r;
  EACH_LANE r.lane[i] = a.lane[i] < b.lane[i] ? ~0u : 0u;
  return r;
}
INLINE Vec select(Mask mask, Vec yes, Vec no) {
  Vec r;
  EACH_LANE r.lane[i] = mask.lane[i] ? yes.lane[i] : no.lane[i];
  return r;
}
INLINE Words select(Mask mask, Words yes, Words no) {
  Words r;
  EACH_LANE r.lane[i] = mask.lane[i] ? yes.lane[i] : no.lane[i];
  return r;
}

INLINE Words setWords(uint32_t value) {
  Words r;
  EACH_LANE r.lane[i] = value;
  return r;
}
INLINE Words laneIndex() {
  Words r;
  EACH_LANE r.lane[i] = static_cast<uint32_t>(i);
  return r;
}
#define WORDWISE(name, operator)                             \
  INLINE Words name(Words a, Words b) {                      \
    Words r;                                                 \
    EACH_LANE r.lane[i] = a.lane[i] operator b.lane[i];      \
    return r;                                                \
  }
WORDWISE(add, +)
WORDWISE(sub, -)
WORDWISE(bitAnd, &)
WORDWISE(bitOr, |)
WORDWISE(bitXor, ^)
#undef WORDWISE
template <int bits>
INLINE Words shiftLeft(Words a) {
  EACH_LANE a.lane[i] <<= bits;
  return a;
}
template <int bits>
INLINE Words shiftRight(Words a) {
  EACH_LANE a.lane[i] >>= bits;
  return a;
}
template <int bits>
INLINE Words shiftRightSigned(Words a) {
  EACH_LANE a.lane[i] = static_cast<uint32_t>(static_cast<int32_t>(a.lane[i]) >> bits);
  return a;
}
/** a < b, both as signed integers. */
INLINE Mask lessSigned(Words a, Words b) {
  Mask r;
  EACH_LANE r.lane[i] = static_cast<int32_t>(a.lane[i]) < static_cast<int32_t>(b.lane[i]) ? ~0u : 0u;
  return r;
}
INLINE Words asWords(Vec x) {
  Words r;
  memcpy(r.lane, x.lane, sizeof r.lane);
  return r;
}
INLINE Vec asFloats(Words x) {
  Vec r;
  memcpy(r.lane, x.lane, sizeof r.lane);
  return r;
}
/** Signed integers to floats, nearest. */
INLINE Vec toFloats(Words x) {
  Vec r;
  EACH_LANE r.lane[i] = static_cast<float>(static_cast<int32_t>(x.lane[i]));
  return r;
}
INLINE Words loadHalves(const uint16_t* from) {
  Words r;
  EACH_LANE r.lane[i] = from[i];
  return r;
}
INLINE void storeHalves(uint16_t* to, Words x) { EACH_LANE to[i] = static_cast<uint16_t>(x.lane[i]); }

/** Sum of the lanes in the one tree that all tiers use: halves of 16, of 8, of 4, of 2. */
INLINE float reduceAdd(Vec x) {
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; i++) x.lane[i] = x.lane[i] + x.lane[i + half];
  }
  return x.lane[0];
}

/** Largest lane, in the same tree. */
INLINE float reduceMax(Vec x) {
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; i++) x.lane[i] = x.lane[i] > x.lane[i + half] ? x.lane[i] : x.lane[i + half];
  }
  return x.lane[0];
}

/** to[column·stride + row] = from[row·step + column]; missing rows of a wide tile read as 0. */
INLINE void transposeBlock(const float* from, int64_t step, int rows, int columns, float* to, int64_t stride) {
  const int stored = stride >= 16 ? 16 : rows;
  for (int column = 0; column < columns; column++) {
    for (int row = 0; row < stored; row++) to[column * stride + row] = row < rows ? from[row * step + column] : 0;
  }
}

#undef EACH_LANE

}  // namespace
}  // namespace COMPACT_TIER
