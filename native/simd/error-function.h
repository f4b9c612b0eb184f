// erf and tanh on sixteen lanes, from polynomials fitted for these ranges; every tier gives the same bits.
#pragma once
#include "simd.h"

namespace COMPACT_TIER {
namespace {

/** erf(x), absolute error about 1e-7: x·P(x²) up to 1, 1 − e^(−Q(|x|)) beyond; NaN stays NaN. */
template <class V>
INLINE V errorFunction(V x) {
  // From 4 on erf is 1 to a float. min gives its second operand for NaN.
  const V z = min(set(4.0f), magnitude(x));
  const V square = mul(z, z);
  V p = set(7.889119541e-05f);
  p = fma(p, square, set(-8.020841283e-04f));
  p = fma(p, square, set(5.189535340e-03f));
  p = fma(p, square, set(-2.685444459e-02f));
  p = fma(p, square, set(1.128360018e-01f));
  p = fma(p, square, set(-3.761262714e-01f));
  p = fma(p, square, set(1.128379166e+00f));
  V q = set(2.241714270e-07f);
  q = fma(q, z, set(1.850262575e-05f));
  q = fma(q, z, set(-4.219650286e-04f));
  q = fma(q, z, set(4.138621626e-03f));
  q = fma(q, z, set(-2.507083674e-02f));
  q = fma(q, z, set(1.082389588e-01f));
  q = fma(q, z, set(6.333637672e-01f));
  q = fma(q, z, set(1.129513816e+00f));
  q = fma(q, z, set(-1.755790697e-04f));
  const V far = sub(set(1.0f), exponential(sub(zero(), q)));
  return withSignOf(select(less(z, set(1.0f)), mul(p, z), far), x);
}

/** tanh(x), relative error about 1e-7: x + x³·P(x²) up to 0.63, 1 − 2/(e^(2|x|) + 1) beyond; NaN stays NaN. */
template <class V>
INLINE V hyperbolicTangent(V x) {
  // From 10 on tanh is 1 to a float.
  const V z = min(set(10.0f), magnitude(x));
  const V square = mul(z, z);
  V p = set(-6.062237068e-03f);
  p = fma(p, square, set(2.097501873e-02f));
  p = fma(p, square, set(-5.384669692e-02f));
  p = fma(p, square, set(1.333274645e-01f));
  p = fma(p, square, set(-3.333332878e-01f));
  const V near = fma(mul(p, square), z, z);
  const V far = sub(set(1.0f), div(set(2.0f), add(exponential(add(z, z)), set(1.0f))));
  return withSignOf(select(less(square, set(0.4f)), near, far), x);
}

}  // namespace
}  // namespace COMPACT_TIER
