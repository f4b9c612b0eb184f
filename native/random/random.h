// Random matrices [rows, columns]; entry (i, j) is a function of the key and (i, j) alone.
#pragma once
#include "../storage/stored.h"
#include "../threads/parallel.h"
#include "threefry.h"

namespace COMPACT_TIER {
namespace {

/** Counter (i, ⌊j/2⌋), Box-Muller: √(−2 ln u0)·{cos, sin}(2π·u1) for even, odd j. */
template <class T>
INLINE void gaussianRow(const compact::RandomCall& call, int64_t row, T* out) {
  const Vec deviation = set(call.deviation);
  for (int64_t column = 0; column < call.columns; column += 2 * lanes) {
    Words x0 = setWords(static_cast<uint32_t>(row));
    Words x1 = add(setWords(static_cast<uint32_t>(column / 2)), laneIndex());
    threefry(call.key0, call.key1, x0, x1);
    const Vec radius = squareRoot(mul(set(-2.0f), logOfUniform(shiftRight<8>(x0))));
    Vec cosine, sine;
    cosSinOfUniform(shiftRight<8>(x1), cosine, sine);
    const Vec even = mul(deviation, mul(radius, cosine)), odd = mul(deviation, mul(radius, sine));
    float pairs[2 * lanes];
    storeInterleaved(pairs, even, odd);
    T* entries = out + column;
    forEachVec(smaller(2 * lanes, call.columns - column), [&](auto at, auto put) { put(entries, at(pairs)); });
  }
}

/** Counter (i, ⌊j/64⌋), bit j mod 32 of the first word, then of the second; a set bit means −1. */
template <class T>
INLINE void rademacherRow(const compact::RandomCall& call, int64_t row, T* out) {
  // 16 counters, thus 1024 entries at a time.
  constexpr int64_t entries = 64 * lanes;
  const Words deviation = asWords(set(call.deviation));
  for (int64_t column = 0; column < call.columns; column += entries) {
    Words x0 = setWords(static_cast<uint32_t>(row));
    Words x1 = add(setWords(static_cast<uint32_t>(column / 64)), laneIndex());
    threefry(call.key0, call.key1, x0, x1);
    float words[2 * lanes];
    storeInterleaved(words, asFloats(x0), asFloats(x1));
    const int64_t count = smaller(entries, call.columns - column);
    for (int64_t j = 0; j < count; j += lanes) {
      uint32_t word;
      __builtin_memcpy(&word, &words[j / 32], sizeof word);
      // Bit (j + lane) mod 32 of the word becomes the sign of that lane.
      const Words bits = shiftRightEach(setWords(word >> (j % 32)), laneIndex());
      const Vec entry = asFloats(bitXor(deviation, shiftLeft<31>(bits)));
      if (j + lanes <= count) store(out + column + j, entry);
      else storeFirst(out + column + j, entry, static_cast<int>(count - j));
    }
  }
}

void randomKernel(Pool* pool, const compact::RandomCall& call) {
  withStorage(call.stored, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    parallelRanges(pool, call.rows, rowGrain(call.columns), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; row++) {
        T* out = from<T>(call.out, row * call.columns);
        if (call.gaussian) gaussianRow(call, row, out);
        else rademacherRow(call, row, out);
      }
    });
  });
}

}  // namespace
}  // namespace COMPACT_TIER
