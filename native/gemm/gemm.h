// The matrix product in f32.
#pragma once
#include "multiply.h"

namespace COMPACT_TIER {
namespace {

/** Products of floats: what is stored in bf16 is widened. One step of a packed operand is one element. */
struct FloatArithmetic {
  using Products = FloatProducts;
  static constexpr int64_t elementsPerStep = 1;
  INLINE void packA(Operand a, int64_t rows, int64_t depth, float* to) { packTiles(a, rows, depth, to); }
  INLINE void packB(Operand b, int64_t depth, int64_t columns, float* to) { packPanels(b, depth, columns, to); }
  INLINE int64_t multiplyUnpacked(int rows, const float* a, Operand b, int64_t depth, int64_t columns, const Cells& base,
                                  const Cells& to) {
    if (b.type == Stored::f32) {
      return multiplyGroups<WidenedSource<float>, Products>(rows, a, b, depth, columns, base, to);
    }
    return multiplyGroups<WidenedSource<uint16_t>, Products>(rows, a, b, depth, columns, base, to);
  }
};

void gemmKernel(Pool* pool, const compact::GemmCall& call) { multiply<FloatArithmetic>(pool, call); }

}  // namespace
}  // namespace COMPACT_TIER
