// Sixteen floats as four NEON registers.
#pragma once
#include <arm_neon.h>

#include <cstdint>

#define INLINE static inline __attribute__((always_inline))

namespace COMPACT_TIER {
namespace {

struct Vec {
  float32x4_t part[4];
};
struct Words {
  uint32x4_t part[4];
};
/** All bits of a lane set or none. */
struct Mask {
  uint32x4_t part[4];
};

/** Register tile of the matrix product: 24 accumulators + 4 registers of B + the broadcasts of A = 29 to 32 of 32. */
constexpr int tileRows = 6;
constexpr int tileColumns = 16;

/** An intrinsic on each of the four parts of one, two or three vectors. */
#define EACH(f, a) {{f((a).part[0]), f((a).part[1]), f((a).part[2]), f((a).part[3])}}
#define EACH_TWO(f, a, b) \
  {{f((a).part[0], (b).part[0]), f((a).part[1], (b).part[1]), f((a).part[2], (b).part[2]), f((a).part[3], (b).part[3])}}
#define EACH_THREE(f, a, b, c)                                                                  \
  {{f((a).part[0], (b).part[0], (c).part[0]), f((a).part[1], (b).part[1], (c).part[1]),         \
    f((a).part[2], (b).part[2], (c).part[2]), f((a).part[3], (b).part[3], (c).part[3])}}
/** An intrinsic on each part and a constant. */
#define EACH_WITH(f, a, n) {{f((a).part[0], n), f((a).part[1], n), f((a).part[2], n), f((a).part[3], n)}}

INLINE Vec set(float value) {
  const float32x4_t x = vdupq_n_f32(value);
  return {{x, x, x, x}};
}
INLINE Vec zero() { return set(0); }
INLINE Vec load(const float* from) {
  return {{vld1q_f32(from), vld1q_f32(from + 4), vld1q_f32(from + 8), vld1q_f32(from + 12)}};
}
INLINE void store(float* to, Vec x) {
  vst1q_f32(to, x.part[0]);
  vst1q_f32(to + 4, x.part[1]);
  vst1q_f32(to + 8, x.part[2]);
  vst1q_f32(to + 12, x.part[3]);
}
// NEON has no masked access; parts of vectors are rare and go through memory.
INLINE Vec loadFirst(const float* from, int count) {
  float all[16] = {};
  for (int i = 0; i < count; i++) all[i] = from[i];
  return load(all);
}
INLINE void storeFirst(float* to, Vec x, int count) {
  float all[16];
  store(all, x);
  for (int i = 0; i < count; i++) to[i] = all[i];
}
INLINE float firstLane(Vec x) { return vgetq_lane_f32(x.part[0], 0); }

INLINE Vec add(Vec a, Vec b) { return EACH_TWO(vaddq_f32, a, b); }
INLINE Vec sub(Vec a, Vec b) { return EACH_TWO(vsubq_f32, a, b); }
INLINE Vec mul(Vec a, Vec b) { return EACH_TWO(vmulq_f32, a, b); }
INLINE Vec div(Vec a, Vec b) { return EACH_TWO(vdivq_f32, a, b); }
INLINE Vec squareRoot(Vec x) { return EACH(vsqrtq_f32, x); }
/** a·b + c with one rounding. */
INLINE Vec fma(Vec a, Vec b, Vec c) { return EACH_THREE(vfmaq_f32, c, a, b); }
/** c − a·b with one rounding. */
INLINE Vec fnma(Vec a, Vec b, Vec c) { return EACH_THREE(vfmsq_f32, c, a, b); }

// Not NEON's own maximum and minimum, which give NaN where either operand is.
INLINE float32x4_t maxFour(float32x4_t a, float32x4_t b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
INLINE float32x4_t minFour(float32x4_t a, float32x4_t b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
/** a > b ? a : b, thus b where either is NaN. */
INLINE Vec max(Vec a, Vec b) { return EACH_TWO(maxFour, a, b); }
/** a < b ? a : b, thus b where either is NaN. */
INLINE Vec min(Vec a, Vec b) { return EACH_TWO(minFour, a, b); }

INLINE Mask less(Vec a, Vec b) { return EACH_TWO(vcltq_f32, a, b); }
INLINE Vec select(Mask mask, Vec yes, Vec no) { return EACH_THREE(vbslq_f32, mask, yes, no); }
INLINE Words select(Mask mask, Words yes, Words no) { return EACH_THREE(vbslq_u32, mask, yes, no); }

INLINE Words setWords(uint32_t value) {
  const uint32x4_t x = vdupq_n_u32(value);
  return {{x, x, x, x}};
}
INLINE Words laneIndex() {
  constexpr uint32_t index[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return {{vld1q_u32(index), vld1q_u32(index + 4), vld1q_u32(index + 8), vld1q_u32(index + 12)}};
}
INLINE Words add(Words a, Words b) { return EACH_TWO(vaddq_u32, a, b); }
INLINE Words sub(Words a, Words b) { return EACH_TWO(vsubq_u32, a, b); }
INLINE Words bitAnd(Words a, Words b) { return EACH_TWO(vandq_u32, a, b); }
INLINE Words bitOr(Words a, Words b) { return EACH_TWO(vorrq_u32, a, b); }
INLINE Words bitXor(Words a, Words b) { return EACH_TWO(veorq_u32, a, b); }
template <int bits>
INLINE Words shiftLeft(Words a) { return EACH_WITH(vshlq_n_u32, a, bits); }
template <int bits>
INLINE Words shiftRight(Words a) { return EACH_WITH(vshrq_n_u32, a, bits); }
template <int bits>
INLINE uint32x4_t shiftFourRightSigned(uint32x4_t a) {
  return vreinterpretq_u32_s32(vshrq_n_s32(vreinterpretq_s32_u32(a), bits));
}
template <int bits>
INLINE Words shiftRightSigned(Words a) { return EACH(shiftFourRightSigned<bits>, a); }
/** NEON shifts to the right by negative numbers. */
INLINE uint32x4_t shiftFourRightEach(uint32x4_t a, uint32x4_t bits) {
  return vshlq_u32(a, vnegq_s32(vreinterpretq_s32_u32(bits)));
}
/** Each word shifted by the lane's own number of bits. */
INLINE Words shiftRightEach(Words a, Words bits) { return EACH_TWO(shiftFourRightEach, a, bits); }
INLINE Words asWords(Vec x) { return EACH(vreinterpretq_u32_f32, x); }
INLINE Vec asFloats(Words x) { return EACH(vreinterpretq_f32_u32, x); }
INLINE uint32x4_t lessSignedFour(uint32x4_t a, uint32x4_t b) {
  return vcltq_s32(vreinterpretq_s32_u32(a), vreinterpretq_s32_u32(b));
}
/** a < b, both as signed integers. */
INLINE Mask lessSigned(Words a, Words b) { return EACH_TWO(lessSignedFour, a, b); }
INLINE float32x4_t fourToFloats(uint32x4_t x) { return vcvtq_f32_s32(vreinterpretq_s32_u32(x)); }
/** Signed integers to floats, nearest. */
INLINE Vec toFloats(Words x) { return EACH(fourToFloats, x); }
INLINE Words loadHalves(const uint16_t* from) {
  const uint16x8_t low = vld1q_u16(from), high = vld1q_u16(from + 8);
  return {{vmovl_u16(vget_low_u16(low)), vmovl_high_u16(low), vmovl_u16(vget_low_u16(high)), vmovl_high_u16(high)}};
}
INLINE void storeHalves(uint16_t* to, Words x) {
  vst1q_u16(to, vmovn_high_u32(vmovn_u32(x.part[0]), x.part[1]));
  vst1q_u16(to + 8, vmovn_high_u32(vmovn_u32(x.part[2]), x.part[3]));
}
/** to[2i] = even[i], to[2i + 1] = odd[i]. */
INLINE void storeInterleaved(float* to, Vec even, Vec odd) {
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    const float32x4x2_t pair = {{even.part[i], odd.part[i]}};
    vst2q_f32(to + 8 * i, pair);
  }
}

/** Sum of the lanes in the one tree that all tiers use: halves of 16, of 8, of 4, of 2. */
INLINE float reduceAdd(Vec x) {
  const float32x4_t four = vaddq_f32(vaddq_f32(x.part[0], x.part[2]), vaddq_f32(x.part[1], x.part[3]));
  const float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
  return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}

/** Largest lane, in the same tree. */
INLINE float reduceMax(Vec x) {
  const float32x4_t four = maxFour(maxFour(x.part[0], x.part[2]), maxFour(x.part[1], x.part[3]));
  const float32x4_t two = maxFour(four, vextq_f32(four, four, 2));
  const float a = vgetq_lane_f32(two, 0), b = vgetq_lane_f32(two, 1);
  return a > b ? a : b;
}

/** Four rows of four columns become four columns of four rows. */
INLINE void transposeFour(float32x4_t (&r)[4]) {
  const float64x2_t low01 = vreinterpretq_f64_f32(vtrn1q_f32(r[0], r[1])), high01 = vreinterpretq_f64_f32(vtrn2q_f32(r[0], r[1]));
  const float64x2_t low23 = vreinterpretq_f64_f32(vtrn1q_f32(r[2], r[3])), high23 = vreinterpretq_f64_f32(vtrn2q_f32(r[2], r[3]));
  r[0] = vreinterpretq_f32_f64(vtrn1q_f64(low01, low23));
  r[1] = vreinterpretq_f32_f64(vtrn1q_f64(high01, high23));
  r[2] = vreinterpretq_f32_f64(vtrn2q_f64(low01, low23));
  r[3] = vreinterpretq_f32_f64(vtrn2q_f64(high01, high23));
}

/**
 * Transposes up to 16 rows of up to 16 columns: to[column·stride + i] = lane `column` of row(i); rows that are missing read as
 * 0. Stores up to 16 lanes per column, so later columns overwrite the surplus of earlier ones.
 */
template <class Row>
INLINE void transposeBlock(const Row& row, int rows, int columns, float* to, int64_t stride) {
  // A narrow tile (stride < 16) has no room for groups of four rows that are all missing.
  const int groups = stride < 16 ? (rows + 3) / 4 : 4;
#pragma GCC unroll 4
  for (int part = 0; part < 4; part++) {
    if (4 * part >= columns) continue;
    float32x4_t block[4][4];
#pragma GCC unroll 4
    for (int group = 0; group < 4; group++) {
#pragma GCC unroll 4
      for (int i = 0; i < 4; i++) {
        block[group][i] = 4 * group + i < rows ? row(4 * group + i).part[part] : vdupq_n_f32(0);
      }
      transposeFour(block[group]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
      float* column = to + (4 * part + i) * stride;
#pragma GCC unroll 4
      for (int group = 0; group < 4; group++) {
        if (4 * part + i < columns && group < groups) vst1q_f32(column + 4 * group, block[group][i]);
      }
    }
  }
}

#undef EACH
#undef EACH_TWO
#undef EACH_THREE
#undef EACH_WITH

}  // namespace
}  // namespace COMPACT_TIER
