// bf16 in memory, f32 in registers: the loads and stores of floats, overloaded. Rounds to nearest, ties to even; every NaN
// becomes the quiet NaN 0x7fc0. Where the processor multiplies bf16 it rounds them too, with denormals and NaN as it has them.
#pragma once

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

INLINE Vec load(const uint16_t* from) { return asFloats(shiftLeft<16>(loadHalves(from))); }
INLINE Vec loadFirst(const uint16_t* from, int count) { return asFloats(shiftLeft<16>(loadFirstHalves(from, count))); }
#if defined(COMPACT_AVX512BF16)
/** Denormals become 0, as the products take them; a NaN stays quiet and keeps its sign. */
INLINE void store(uint16_t* to, Vec x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x)));
}
INLINE void storeFirst(uint16_t* to, Vec x, int count) {
  _mm256_mask_storeu_epi16(to, firstLanes(count), reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x)));
}
#else
INLINE void store(uint16_t* to, Vec x) { storeHalves(to, bf16Bits(x)); }
INLINE void storeFirst(uint16_t* to, Vec x, int count) { storeFirstHalves(to, bf16Bits(x), count); }
#endif

}  // namespace
}  // namespace COMPACT_TIER
