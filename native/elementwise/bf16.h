// f32 <-> bf16, see simd/bf16.h.
#pragma once
#include "../simd/simd.h"

namespace COMPACT_TIER {
namespace {

INLINE void narrowToBf16(const float* from, uint16_t* to, int64_t count) {
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) store(to + i, load(from + i));
  const int rest = static_cast<int>(count - i);
  if (rest > 0) storeFirst(to + i, loadFirst(from + i, rest), rest);
}

INLINE void widenFromBf16(const uint16_t* from, float* to, int64_t count) {
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) store(to + i, load(from + i));
  const int rest = static_cast<int>(count - i);
  if (rest > 0) storeFirst(to + i, loadFirst(from + i, rest), rest);
}

}  // namespace
}  // namespace COMPACT_TIER
