// f32 <-> bf16: nearest, ties to even; every NaN becomes the quiet NaN 0x7fc0.
#pragma once
#include "../simd/simd.h"

namespace COMPACT_TIER {
namespace {

INLINE Words bf16Bits(Vec x) {
  const Words bits = asWords(x);
  const Words odd = bitAnd(shiftRight<16>(bits), setWords(1));
  const Words rounded = shiftRight<16>(add(bits, add(odd, setWords(0x7fff))));
  // As integers, exactly the NaNs lie above infinity once the sign is gone.
  const Mask nan = lessSigned(setWords(0x7f800000), bitAnd(bits, setWords(0x7fffffff)));
  return select(nan, setWords(0x7fc0), rounded);
}

INLINE void narrowToBf16(const float* from, uint16_t* to, int64_t count) {
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) storeHalves(to + i, bf16Bits(load(from + i)));
  if (i < count) {
    uint16_t last[lanes];
    storeHalves(last, bf16Bits(loadFirst(from + i, static_cast<int>(count - i))));
    for (int64_t j = i; j < count; j++) to[j] = last[j - i];
  }
}

INLINE void widenFromBf16(const uint16_t* from, float* to, int64_t count) {
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) store(to + i, asFloats(shiftLeft<16>(loadHalves(from + i))));
  if (i < count) {
    uint16_t last[lanes] = {};
    for (int64_t j = i; j < count; j++) last[j - i] = from[j];
    storeFirst(to + i, asFloats(shiftLeft<16>(loadHalves(last))), static_cast<int>(count - i));
  }
}

}  // namespace
}  // namespace COMPACT_TIER
