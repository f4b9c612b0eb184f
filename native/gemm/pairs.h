// Products of bf16 by the processor's dot products of pairs: a step of a packed operand holds two elements of k.
#pragma once
#include "multiply.h"

namespace COMPACT_TIER {
namespace {

struct PairSource {
  using Element = uint16_t;
  static constexpr int64_t elementsPerStep = 2;

  INLINE Vec along(const Element* from, int64_t elements) {
    if (elements >= 2 * lanes) return load(reinterpret_cast<const float*>(from));
    const __mmask32 exists = (1u << elements) - 1u;
    return _mm512_castsi512_ps(_mm512_maskz_loadu_epi16(exists, from));
  }
  INLINE Vec across(const Element* from, int64_t step, int64_t elements, int count) {
    const Words even = halves(from, count);
    if (elements < 2) return asFloats(even);
    return asFloats(bitOr(even, shiftLeft<16>(halves(from + step, count))));
  }

 private:
  INLINE Words halves(const Element* from, int count) {
    return count == lanes ? loadHalves(from) : loadFirstHalves(from, count);
  }
};

/** Both products of a pair are added to a sum in f32; see the contract of gemm for what differs from fused multiply-adds. */
struct PairProducts {
  INLINE Vec multiplyAdd(Vec a, Vec b, Vec sum) {
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
  }
};

struct PairArithmetic {
  using Products = PairProducts;
  static constexpr int64_t elementsPerStep = PairSource::elementsPerStep;
  INLINE void packA(Operand a, int64_t rows, int64_t depth, float* to) { packTilesFrom<PairSource>(a, rows, depth, to); }
  INLINE void packB(Operand b, int64_t depth, int64_t columns, float* to) {
    packPanelsFrom<PairSource>(b, depth, columns, to);
  }
  INLINE int64_t multiplyUnpacked(int rows, const float* a, Operand b, int64_t depth, int64_t columns, const Cells& base,
                                  const Cells& to) {
    return multiplyGroups<PairSource, Products>(rows, a, b, depth, columns, base, to);
  }
};

}  // namespace
}  // namespace COMPACT_TIER
