// Thirty-two floats as two vectors side by side, with the operations of one. Whatever depends on nothing in between runs at the
// same time, and where registers hold thirty-two bf16 at once (AVX-512) those are widened and rounded together. Bits are those
// of one vector after the other.
#pragma once
#include "bf16.h"
#include "math.h"

namespace COMPACT_TIER {
namespace {

struct Wide {
  Vec lo, hi;

  /** The same vector twice: constants need no other form. */
  Wide(Vec both) : lo(both), hi(both) {}
  Wide(Vec first, Vec second) : lo(first), hi(second) {}
};

struct WideMask {
  Mask lo, hi;
};

INLINE Wide add(Wide a, Wide b) { return {add(a.lo, b.lo), add(a.hi, b.hi)}; }
INLINE Wide sub(Wide a, Wide b) { return {sub(a.lo, b.lo), sub(a.hi, b.hi)}; }
INLINE Wide mul(Wide a, Wide b) { return {mul(a.lo, b.lo), mul(a.hi, b.hi)}; }
INLINE Wide div(Wide a, Wide b) { return {div(a.lo, b.lo), div(a.hi, b.hi)}; }
INLINE Wide max(Wide a, Wide b) { return {max(a.lo, b.lo), max(a.hi, b.hi)}; }
INLINE Wide min(Wide a, Wide b) { return {min(a.lo, b.lo), min(a.hi, b.hi)}; }
INLINE Wide squareRoot(Wide x) { return {squareRoot(x.lo), squareRoot(x.hi)}; }
INLINE Wide fma(Wide a, Wide b, Wide c) { return {fma(a.lo, b.lo, c.lo), fma(a.hi, b.hi, c.hi)}; }
INLINE Wide fnma(Wide a, Wide b, Wide c) { return {fnma(a.lo, b.lo, c.lo), fnma(a.hi, b.hi, c.hi)}; }
INLINE Wide timesPowerOfTwo(Wide x, Wide n) { return {timesPowerOfTwo(x.lo, n.lo), timesPowerOfTwo(x.hi, n.hi)}; }
INLINE Wide magnitude(Wide x) { return {magnitude(x.lo), magnitude(x.hi)}; }
INLINE Wide withSignOf(Wide x, Wide sign) { return {withSignOf(x.lo, sign.lo), withSignOf(x.hi, sign.hi)}; }
INLINE WideMask less(Wide a, Wide b) { return {less(a.lo, b.lo), less(a.hi, b.hi)}; }
INLINE Wide select(WideMask mask, Wide yes, Wide no) {
  return {select(mask.lo, yes.lo, no.lo), select(mask.hi, yes.hi, no.hi)};
}

INLINE Wide loadWide(const float* from) { return {load(from), load(from + 16)}; }
INLINE void storeWide(float* to, Wide x) {
  store(to, x.lo);
  store(to + 16, x.hi);
}

#if defined(COMPACT_AVX512)
/** Elementwise loops take thirty-two elements at a time. */
constexpr bool wideLoops = true;

INLINE Wide loadWide(const uint16_t* from) {
  const Words halves = _mm512_loadu_si512(from);
  // Each half becomes the upper half of a word.
  const __mmask32 upper = 0xaaaaaaaa;
  return {asFloats(_mm512_maskz_permutexvar_epi16(upper, wordsFrom(0, 0x10000), halves)),
          asFloats(_mm512_maskz_permutexvar_epi16(upper, wordsFrom(16 << 16, 0x10000), halves))};
}

/** The upper halves of thirty-two words, in order. */
INLINE Words upperHalves(Words lo, Words hi) { return _mm512_permutex2var_epi16(lo, wordsFrom(0x30001, 0x40004), hi); }

INLINE bool anyNaN(Wide x) { return __builtin_expect(_mm512_cmp_ps_mask(x.lo, x.hi, _CMP_UNORD_Q) != 0, 0); }

#if defined(COMPACT_AVX512BF16)
INLINE void storeWide(uint16_t* to, Wide x) {
  _mm512_storeu_si512(to, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(x.hi, x.lo)));
}
#else
/** Rounds in halves of words, thirty-two at a time. */
INLINE void storeWide(uint16_t* to, Wide x) {
  if (anyNaN(x)) {
    store(to, x.lo);
    store(to + 16, x.hi);
    return;
  }
  const Words lo = asWords(x.lo), hi = asWords(x.hi);
  // What is cut off is more than half a unit, or just half of one and the number odd: then its lowest bit is set as well.
  const auto rounded = [](Words x) {
    return _mm512_add_epi32(setWords(0x7fff), _mm512_ternarylogic_epi32(x, shiftRight<16>(x), setWords(1), 0xf8));
  };
  _mm512_storeu_si512(to, upperHalves(rounded(lo), rounded(hi)));
}
#endif
#else
constexpr bool wideLoops = false;

INLINE Wide loadWide(const uint16_t* from) { return {load(from), load(from + 16)}; }
#endif

}  // namespace
}  // namespace COMPACT_TIER
