// Asymmetric quantisation by groups of 128 elements with stochastic rounding; see src/engine/contract/quantize.ts.
#pragma once
#include "../calls.h"
#include "../random/threefry.h"
#include "../storage/stored.h"
#include "../threads/parallel.h"
#include "packed-codes.h"

namespace COMPACT_TIER {
namespace {

constexpr int64_t quantizedGroup = 128;
constexpr float smallestStep = 0x1p-100f;
/** Elements per block: whole groups, and drawing random numbers makes an element some times as costly as a copy. */
constexpr int64_t quantizeGrain = elementGrain / 2;

INLINE float widen(uint16_t bf16) {
  const uint32_t bits = static_cast<uint32_t>(bf16) << 16;
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

/** The bf16 number next to a float, the one of larger magnitude where `away`. */
INLINE uint16_t bf16Towards(float value, bool away) {
  uint32_t bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  const bool inexact = (bits & 0xffffu) != 0;
  return static_cast<uint16_t>((bits >> 16) + (inexact && away ? 1u : 0u));
}

/** Smallest and largest of `count` floats; NaNs are passed over. */
template <class T>
INLINE void rangeOf(const T* x, int64_t count, float& low, float& high) {
  Vec lows = set(__builtin_inff()), highs = set(-__builtin_inff());
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    lows = min(load(x + i), lows);
    highs = max(load(x + i), highs);
  }
  low = -reduceMax(sub(zero(), lows)), high = reduceMax(highs);
  for (; i < count; i++) {
    const float value = valueAt(x + i);
    if (value < low) low = value;
    if (value > high) high = value;
  }
}

/** Scale and minimum of a group: the minimum rounded down, the step rounded up, so that the range covers the group. */
template <class T>
INLINE void scaleGroup(const T* x, int64_t count, float levels, uint16_t* scales) {
  float low, high;
  rangeOf(x, count, low, high);
  scales[1] = bf16Towards(low + 0.0f, low < 0);
  const float step = (high - widen(scales[1])) / levels;
  scales[0] = bf16Towards(step > smallestStep ? step : smallestStep, true);
}

/** Codes of one group, which starts at element `first` of the tensor. */
template <int bits, class T>
INLINE void quantizeGroup(const compact::QuantizeCall& call, int64_t first, int64_t count) {
  const T* x = from<T>(call.x, first);
  uint8_t* codes = call.codes + first * bits / 8;
  const Vec levels = set(static_cast<float>((1 << bits) - 1));
  const uint16_t* scales = call.scales + 2 * (first / quantizedGroup);
  const Vec minimum = set(widen(scales[1])), inverse = set(1.0f / widen(scales[0]));
  for (int64_t chunk = 0; chunk < count; chunk += 4 * lanes) {
    Words words[2] = {add(setWords(static_cast<uint32_t>((first + chunk) / 4)), laneIndex()), setWords(0)};
    threefry(call.key0, call.key1, words[0], words[1]);
    for (int part = 0; part < 4 && chunk + part * lanes < count; part++) {
      const int64_t at = chunk + part * lanes;
      const int rest = static_cast<int>(smaller(lanes, count - at));
      const Vec value = rest == lanes ? load(x + at) : loadFirst(x + at, rest);
      const Vec scaled = min(max(mul(sub(value, minimum), inverse), zero()), levels);
      const Vec nearest = sub(add(scaled, set(roundingMagic)), set(roundingMagic));
      const Vec below = select(less(scaled, nearest), sub(nearest, set(1.0f)), nearest);
      const Words word = words[part / 2];
      const Words half = part % 2 == 0 ? bitAnd(word, setWords(0xffff)) : shiftRight<16>(word);
      const Vec uniform = mul(add(toFloats(half), set(0.5f)), set(0x1p-16f));
      const Vec code = select(less(uniform, sub(scaled, below)), add(below, set(1.0f)), below);
      storeCodes<bits>(codes + at * bits / 8, sub(asWords(add(code, set(roundingMagic))), asWords(set(roundingMagic))), rest);
    }
  }
}

template <int bits>
void quantizeBits(Pool* pool, const compact::QuantizeCall& call) {
  withStorage(call.stored, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    parallelRanges(pool, call.count, quantizeGrain, [&](int64_t begin, int64_t end) {
      for (int64_t first = begin; first < end; first += quantizedGroup) {
        const int64_t count = smaller(quantizedGroup, end - first);
        uint16_t* scales = call.scales + 2 * (first / quantizedGroup);
        scaleGroup(from<T>(call.x, first), count, static_cast<float>((1 << bits) - 1), scales);
        quantizeGroup<bits, T>(call, first, count);
      }
    });
  });
}

void quantizeKernel(Pool* pool, const compact::QuantizeCall& call) {
  if (call.bits == 8) quantizeBits<8>(pool, call);
  else if (call.bits == 4) quantizeBits<4>(pool, call);
  else quantizeBits<2>(pool, call);
}

/** x = q·s + β: the product of a code and a bf16 number is exact, so one rounding to f32. */
template <int bits, class T>
void dequantizeBits(Pool* pool, const compact::DequantizeCall& call) {
  parallelRanges(pool, call.count, elementGrain, [&](int64_t begin, int64_t end) {
    for (int64_t first = begin; first < end; first += quantizedGroup) {
      const int64_t count = smaller(quantizedGroup, end - first);
      const uint16_t* scales = call.scales + 2 * (first / quantizedGroup);
      const Vec step = set(widen(scales[0])), minimum = set(widen(scales[1]));
      const uint8_t* codes = call.codes + first * bits / 8;
      T* out = from<T>(call.out, first);
      for (int64_t i = 0; i < count; i += lanes) {
        const int rest = static_cast<int>(smaller(lanes, count - i));
        const Vec value = fma(toFloats(loadCodes<bits>(codes + i * bits / 8, rest)), step, minimum);
        if (rest == lanes) store(out + i, value);
        else storeFirst(out + i, value, rest);
      }
    }
  });
}

void dequantizeKernel(Pool* pool, const compact::DequantizeCall& call) {
  withStorage(call.stored, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    if (call.bits == 8) dequantizeBits<8, T>(pool, call);
    else if (call.bits == 4) dequantizeBits<4, T>(pool, call);
    else dequantizeBits<2, T>(pool, call);
  });
}

}  // namespace
}  // namespace COMPACT_TIER
