// Threefry-2x32 with 20 rounds on sixteen counters at a time (Salmon et al., SC 2011).
#pragma once
#include "../simd/simd.h"

namespace COMPACT_TIER {
namespace {

template <int bits>
INLINE Words rotateLeft(Words x) {
  return bitOr(shiftLeft<bits>(x), shiftRight<32 - bits>(x));
}

template <int r0, int r1, int r2, int r3>
INLINE void fourRounds(Words& x0, Words& x1) {
  x0 = add(x0, x1);
  x1 = bitXor(rotateLeft<r0>(x1), x0);
  x0 = add(x0, x1);
  x1 = bitXor(rotateLeft<r1>(x1), x0);
  x0 = add(x0, x1);
  x1 = bitXor(rotateLeft<r2>(x1), x0);
  x0 = add(x0, x1);
  x1 = bitXor(rotateLeft<r3>(x1), x0);
}

/** Two random words per lane from a key and the counters (x0, x1), in place. */
INLINE void threefry(uint32_t key0, uint32_t key1, Words& x0, Words& x1) {
  const uint32_t keys[3] = {key0, key1, key0 ^ key1 ^ 0x1bd11bdau};
  const auto inject = [&](uint32_t round) __attribute__((always_inline)) {
    x0 = add(x0, setWords(keys[round % 3]));
    x1 = add(x1, setWords(keys[(round + 1) % 3] + round));
  };
  inject(0);
  fourRounds<13, 15, 26, 6>(x0, x1);
  inject(1);
  fourRounds<17, 29, 16, 24>(x0, x1);
  inject(2);
  fourRounds<13, 15, 26, 6>(x0, x1);
  inject(3);
  fourRounds<17, 29, 16, 24>(x0, x1);
  inject(4);
  fourRounds<13, 15, 26, 6>(x0, x1);
  inject(5);
}

}  // namespace
}  // namespace COMPACT_TIER
