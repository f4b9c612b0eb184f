// Threefry-2x32 with 20 rounds on sixteen counters at a time (Salmon et al., SC 2011).
#pragma once
#include "../simd/simd.h"

namespace COMPACT_TIER {
namespace {

/** Four counters: one alone would wait for each of its rounds. */
struct FourCounters {
  Words of[4];
};
INLINE FourCounters add(FourCounters a, FourCounters b) {
  return {{add(a.of[0], b.of[0]), add(a.of[1], b.of[1]), add(a.of[2], b.of[2]), add(a.of[3], b.of[3])}};
}
INLINE FourCounters add(FourCounters a, Words b) { return add(a, FourCounters{{b, b, b, b}}); }
INLINE FourCounters bitXor(FourCounters a, FourCounters b) {
  return {{bitXor(a.of[0], b.of[0]), bitXor(a.of[1], b.of[1]), bitXor(a.of[2], b.of[2]), bitXor(a.of[3], b.of[3])}};
}
template <int bits>
INLINE FourCounters rotateLeft(FourCounters a) {
  return {{rotateLeft<bits>(a.of[0]), rotateLeft<bits>(a.of[1]), rotateLeft<bits>(a.of[2]), rotateLeft<bits>(a.of[3])}};
}

template <int r0, int r1, int r2, int r3, class W>
INLINE void fourRounds(W& x0, W& x1) {
  x0 = add(x0, x1);
  x1 = bitXor(rotateLeft<r0>(x1), x0);
  x0 = add(x0, x1);
  x1 = bitXor(rotateLeft<r1>(x1), x0);
  x0 = add(x0, x1);
  x1 = bitXor(rotateLeft<r2>(x1), x0);
  x0 = add(x0, x1);
  x1 = bitXor(rotateLeft<r3>(x1), x0);
}

/** What a key adds to the counters before the rounds and after each four of them. */
struct ThreefryKey {
  Words first[6], second[6];

  ThreefryKey(uint32_t key0, uint32_t key1) {
    const uint32_t keys[3] = {key0, key1, key0 ^ key1 ^ 0x1bd11bdau};
    for (uint32_t round = 0; round < 6; round++) {
      first[round] = setWords(keys[round % 3]);
      second[round] = setWords(keys[(round + 1) % 3] + round);
    }
  }
};

/** Two random words per lane from a key and the counters (x0, x1), in place. */
template <class W>
INLINE void threefry(const ThreefryKey& key, W& x0, W& x1) {
  const auto inject = [&](int round) __attribute__((always_inline)) {
    x0 = add(x0, key.first[round]);
    x1 = add(x1, key.second[round]);
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

/** The same for four pairs of counters. */
INLINE void threefryOnFour(const ThreefryKey& key, FourCounters& x0, FourCounters& x1) {
  if constexpr (wideLoops) {
    threefry(key, x0, x1);
  } else {
    for (int i = 0; i < 4; i++) threefry(key, x0.of[i], x1.of[i]);
  }
}

INLINE void threefry(uint32_t key0, uint32_t key1, Words& x0, Words& x1) { threefry(ThreefryKey(key0, key1), x0, x1); }

}  // namespace
}  // namespace COMPACT_TIER
