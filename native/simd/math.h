// exp, log and sin/cos of 2πu on sixteen lanes. Every tier runs the same operations in the same order, so bits agree.
#pragma once

namespace COMPACT_TIER {
namespace {

INLINE Vec magnitude(Vec x) { return asFloats(bitAnd(asWords(x), setWords(0x7fffffffu))); }

/** x with the sign of `sign`; x must not be negative. */
INLINE Vec withSignOf(Vec x, Vec sign) {
  return asFloats(bitOr(asWords(x), bitAnd(asWords(sign), setWords(0x80000000u))));
}

/** 1.5·2^23: adding it to a float of modest size leaves the nearest integer in the low bits of the sum. */
constexpr float roundingMagic = 12582912.0f;

#if !defined(COMPACT_AVX512)
template <int bits>
INLINE Words rotateLeft(Words x) {
  return bitOr(shiftLeft<bits>(x), shiftRight<32 - bits>(x));
}

/** 2^n for integers n in [-126, 127], given as the words of a vector. */
INLINE Vec powerOfTwo(Words n) { return asFloats(shiftLeft<23>(add(n, setWords(127)))); }

/**
 * x·2^n with one rounding, for x in [½, 2] and whole numbers n in [-151, 128]. Two factors, since a float's exponent runs only
 * from -126 to 127; the first product is exact.
 */
INLINE Vec timesPowerOfTwo(Vec x, Vec n) {
  const Words whole = sub(asWords(add(n, set(roundingMagic))), asWords(set(roundingMagic)));
  const Words half = shiftRightSigned<1>(whole);
  return mul(mul(x, powerOfTwo(half)), powerOfTwo(sub(whole, half)));
}
#endif

/**
 * e^x, relative error about 1e-7; overflows to infinity, underflows through the denormals to 0, NaN stays NaN.
 * x = n·ln 2 + r with |r| <= ln 2 / 2, e^r by a polynomial of degree 6 (Cephes' coefficients).
 */
template <class V>
INLINE V exponential(V x) {
  // max and min give their second operand for NaN: with x in second place NaN passes.
  x = min(set(89.0f), max(set(-104.0f), x));
  const V nearest = sub(fma(x, set(1.44269504088896341f), set(roundingMagic)), set(roundingMagic));
  // ln 2 in two parts; the first has few enough bits that n·ln2High is exact.
  V r = fnma(nearest, set(0.693359375f), x);
  r = fnma(nearest, set(-2.12194440e-4f), r);
  V p = set(1.9875691500e-4f);
  p = fma(p, r, set(1.3981999507e-3f));
  p = fma(p, r, set(8.3334519073e-3f));
  p = fma(p, r, set(4.1665795894e-2f));
  p = fma(p, r, set(1.6666665459e-1f));
  p = fma(p, r, set(5.0000001201e-1f));
  p = add(fma(p, mul(r, r), r), set(1.0f));
  return timesPowerOfTwo(p, nearest);
}

/** ln(1+f)·1 + e·ln 2 for f in [√½ − 1, √2 − 1] (Cephes' logf). */
INLINE Vec logOfReduced(Vec f, Vec e) {
  const Vec square = mul(f, f);
  Vec p = set(7.0376836292e-2f);
  p = fma(p, f, set(-1.1514610310e-1f));
  p = fma(p, f, set(1.1676998740e-1f));
  p = fma(p, f, set(-1.2420140846e-1f));
  p = fma(p, f, set(1.4249322787e-1f));
  p = fma(p, f, set(-1.6668057665e-1f));
  p = fma(p, f, set(2.0000714765e-1f));
  p = fma(p, f, set(-2.4999993993e-1f));
  p = fma(p, f, set(3.3333331174e-1f));
  Vec y = mul(mul(p, f), square);
  y = fma(e, set(-2.12194440e-4f), y);
  y = fnma(set(0.5f), square, y);
  return fma(e, set(0.693359375f), add(f, y));
}

/** Mantissa in [√½, √2) and exponent of positive normal numbers: x = m·2^e. */
INLINE void splitFloat(Vec x, Vec& m, Vec& e) {
  // Subtracting the bits of √½ before taking the exponent makes the cut at √½ instead of at 1.
  const Words bits = sub(asWords(x), setWords(0x3f3504f3));
  const Words exponent = shiftRightSigned<23>(bits);
  e = toFloats(exponent);
  m = asFloats(sub(asWords(x), shiftLeft<23>(exponent)));
}

/** ln x for positive normal numbers. */
INLINE Vec logarithm(Vec x) {
  Vec m, e;
  splitFloat(x, m, e);
  return logOfReduced(sub(m, set(1.0f)), e);
}

/** ln x of one positive normal number, with the bits of the vector form. */
INLINE float logarithmOf(float x) { return firstLane(logarithm(set(x))); }

/** e^x of one number, with the bits of the vector form. */
INLINE float exponentialOf(float x) { return firstLane(exponential(set(x))); }

/** 1 / (1 + e^-x). */
template <class V>
INLINE V sigmoid(V x) { return div(set(1.0f), add(set(1.0f), exponential(sub(zero(), x)))); }

/**
 * ln u for u = (k + ½)·2^-24 with integers k in [0, 2^24). Near 1 a float cannot hold u; 1 − u is exact there.
 */
INLINE Vec logOfUniform(Words k) {
  const Vec u = mul(add(toFloats(k), set(0.5f)), set(0x1p-24f));
  const Vec below = mul(sub(toFloats(sub(setWords(1u << 24), k)), set(0.5f)), set(0x1p-24f));
  Vec m, e;
  splitFloat(u, m, e);
  const Mask nearOne = less(set(0.75f), u);
  const Vec f = select(nearOne, sub(zero(), below), sub(m, set(1.0f)));
  return logOfReduced(f, select(nearOne, zero(), e));
}

/** cos and sin of 2πu for u = (k + ½)·2^-24: the nearest quarter turn is split off in integers, exactly. */
INLINE void cosSinOfUniform(Words k, Vec& cosine, Vec& sine) {
  const Words quarter = shiftRight<22>(add(k, setWords(1u << 21)));
  const Words rest = sub(k, shiftLeft<22>(quarter));
  const Vec t = mul(add(toFloats(rest), set(0.5f)), set(0x1p-24f));
  const Vec x = mul(t, set(6.283185307179586f));
  const Vec square = mul(x, x);
  Vec s = set(-1.9515295891e-4f);
  s = fma(s, square, set(8.3321608736e-3f));
  s = fma(s, square, set(-1.6666654611e-1f));
  s = fma(mul(s, square), x, x);
  Vec c = set(2.443315711809948e-5f);
  c = fma(c, square, set(-1.388731625493765e-3f));
  c = fma(c, square, set(4.166664568298827e-2f));
  c = fma(mul(c, square), square, fnma(set(0.5f), square, set(1.0f)));
  // Quarter 1: (cos, sin) = (−s, c); 2: (−c, −s); 3: (s, −c).
  const Mask odd = lessSigned(setWords(0), bitAnd(quarter, setWords(1)));
  const Words sineSign = shiftLeft<30>(bitAnd(quarter, setWords(2)));
  const Words cosineSign = shiftLeft<30>(bitAnd(add(quarter, setWords(1)), setWords(2)));
  cosine = asFloats(bitXor(asWords(select(odd, s, c)), cosineSign));
  sine = asFloats(bitXor(asWords(select(odd, c, s)), sineSign));
}

}  // namespace
}  // namespace COMPACT_TIER
