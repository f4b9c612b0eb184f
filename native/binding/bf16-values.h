// Conversion at the border, where speed does not matter; kernels have their own in elementwise/bf16.h.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace compact {

/** Nearest bf16, ties to even; NaN becomes 0x7fc0, as in src/engine/dtype.ts. */
inline void narrowValues(const float* from, uint16_t* to, size_t count) {
  for (size_t i = 0; i < count; i++) {
    uint32_t bits;
    memcpy(&bits, from + i, sizeof bits);
    const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
    to[i] = nan ? 0x7fc0 : static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
  }
}

inline void widenValues(const uint16_t* from, float* to, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const uint32_t bits = static_cast<uint32_t>(from[i]) << 16;
    memcpy(to + i, &bits, sizeof bits);
  }
}

}  // namespace compact
