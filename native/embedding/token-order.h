// The tokens of a batch in the order of their ids, those of one id in their own order.
#pragma once
#include <cstdint>

#include "../simd/simd.h"

namespace COMPACT_TIER {
namespace {

/** `from` in the order of eight bits of the ids, equal ones as they were. */
INLINE void sortByByte(const int32_t* ids, int64_t count, int shift, const int32_t* from, int32_t* to) {
  int64_t places[257] = {};
  const auto byteOf = [&](int32_t token) { return (ids[token] >> shift) & 0xff; };
  for (int64_t i = 0; i < count; i++) places[byteOf(from[i]) + 1]++;
  for (int value = 0; value < 256; value++) places[value + 1] += places[value];
  for (int64_t i = 0; i < count; i++) to[places[byteOf(from[i])]++] = from[i];
}

/** Radix sort in `room` for 2·count tokens; where in it the order lies. */
INLINE const int32_t* sortTokens(const int32_t* ids, int64_t count, int32_t* room) {
  int32_t *order = room, *spare = room + count;
  int32_t largest = 0;
  for (int64_t i = 0; i < count; i++) {
    order[i] = static_cast<int32_t>(i);
    largest = ids[i] > largest ? ids[i] : largest;
  }
  for (int shift = 0; shift < 32 && largest >> shift != 0; shift += 8) {
    sortByByte(ids, count, shift, order, spare);
    int32_t* const sorted = spare;
    spare = order;
    order = sorted;
  }
  return order;
}

}  // namespace
}  // namespace COMPACT_TIER
