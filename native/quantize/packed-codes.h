// Sixteen codes of 8, 4 or 2 bits <-> bytes, the first code in the lowest bits.
#pragma once
#include <cstddef>

#include "../simd/simd.h"

namespace COMPACT_TIER {
namespace {

/** Bytes of sixteen codes. */
template <int bits>
constexpr int packedBytes = 2 * bits;

/** Bytes of `count` codes. */
template <int bits>
INLINE int64_t bytesOfCodes(int64_t count) {
  return ceilDiv(count * bits, 8);
}

/** Four codes, one in each 16 bits of a word, side by side in its lowest 4·bits bits. */
template <int bits>
INLINE uint64_t gatherCodes(uint64_t x) {
  constexpr int gap = 16 - bits;
  constexpr uint64_t pair = (uint64_t{1} << (2 * bits)) - 1;
  x = (x | x >> gap) & (pair | pair << 32);
  return x | x >> (2 * gap);
}

/** The reverse of `gatherCodes`. */
template <int bits>
INLINE uint64_t spreadCodes(uint64_t x) {
  constexpr int gap = 16 - bits;
  constexpr uint64_t one = (uint64_t{1} << bits) - 1, pair = (uint64_t{1} << (2 * bits)) - 1;
  x = (x | x << (2 * gap)) & (pair | pair << 32);
  return (x | x << gap) & (one | one << 16 | one << 32 | one << 48);
}

/** Stores the codes of the first `count` lanes; bits of a last byte that no code fills become 0. */
template <int bits>
INLINE void storeCodes(uint8_t* to, Words codes, int count) {
  uint16_t halves[lanes];
  storeHalves(halves, codes);
  for (int i = count; i < lanes; i++) halves[i] = 0;
  uint8_t packed[packedBytes<bits>];
  constexpr int width = packedBytes<bits> / 4;
  for (int quarter = 0; quarter < 4; quarter++) {
    uint64_t word;
    __builtin_memcpy(&word, halves + 4 * quarter, sizeof word);
    word = gatherCodes<bits>(word);
    __builtin_memcpy(packed + quarter * width, &word, width);
  }
  if (count == lanes) __builtin_memcpy(to, packed, packedBytes<bits>);
  else __builtin_memcpy(to, packed, static_cast<size_t>(bytesOfCodes<bits>(count)));
}

/** The codes of `count` lanes; the others are undefined. */
template <int bits>
INLINE Words loadCodes(const uint8_t* from, int count) {
  uint8_t packed[packedBytes<bits>] = {};
  if (count == lanes) __builtin_memcpy(packed, from, packedBytes<bits>);
  else __builtin_memcpy(packed, from, static_cast<size_t>(bytesOfCodes<bits>(count)));
  uint16_t halves[lanes];
  constexpr int width = packedBytes<bits> / 4;
  for (int quarter = 0; quarter < 4; quarter++) {
    uint64_t word = 0;
    __builtin_memcpy(&word, packed + quarter * width, width);
    word = spreadCodes<bits>(word);
    __builtin_memcpy(halves + 4 * quarter, &word, sizeof word);
  }
  return loadHalves(halves);
}

}  // namespace
}  // namespace COMPACT_TIER
