// Random matrices [rows, columns]; entry (i, j) is a function of the key and (i, j) alone.
#pragma once
#include "../calls.h"
#include "../threads/parallel.h"
#include "threefry.h"

namespace COMPACT_TIER {
namespace {

/** Counter (i, ⌊j/2⌋), Box-Muller: √(−2 ln u0)·{cos, sin}(2π·u1) for even, odd j. */
INLINE void gaussianRow(const compact::RandomCall& call, int64_t row, float* out) {
  const Vec deviation = set(call.deviation);
  for (int64_t column = 0; column < call.columns; column += 2 * lanes) {
    Words x0 = setWords(static_cast<uint32_t>(row));
    Words x1 = add(setWords(static_cast<uint32_t>(column / 2)), laneIndex());
    threefry(call.key0, call.key1, x0, x1);
    const Vec radius = squareRoot(mul(set(-2.0f), logOfUniform(shiftRight<8>(x0))));
    Vec cosine, sine;
    cosSinOfUniform(shiftRight<8>(x1), cosine, sine);
    float even[lanes], odd[lanes];
    store(even, mul(deviation, mul(radius, cosine)));
    store(odd, mul(deviation, mul(radius, sine)));
    const int64_t count = smaller(2 * lanes, call.columns - column);
    for (int64_t j = 0; j < count; j++) out[column + j] = (j & 1) != 0 ? odd[j / 2] : even[j / 2];
  }
}

/** Counter (i, ⌊j/64⌋), bit j mod 32 of the first word, then of the second; a set bit means −1. */
INLINE void rademacherRow(const compact::RandomCall& call, int64_t row, float* out) {
  // 16 counters, thus 1024 entries at a time.
  constexpr int64_t entries = 64 * lanes;
  const Words deviation = asWords(set(call.deviation));
  for (int64_t column = 0; column < call.columns; column += entries) {
    Words x0 = setWords(static_cast<uint32_t>(row));
    Words x1 = add(setWords(static_cast<uint32_t>(column / 64)), laneIndex());
    threefry(call.key0, call.key1, x0, x1);
    uint32_t words[2 * lanes];
    for (int part = 0; part < 2; part++) {
      float bits[lanes];
      store(bits, asFloats(part == 0 ? x0 : x1));
      for (int lane = 0; lane < lanes; lane++) __builtin_memcpy(&words[2 * lane + part], &bits[lane], sizeof(uint32_t));
    }
    const int64_t count = smaller(entries, call.columns - column);
    for (int64_t j = 0; j < count; j += lanes) {
      // Bit (j + lane) mod 32 of the word becomes the sign of that lane.
      uint32_t signs[lanes];
      const uint32_t word = words[j / 32] >> (j % 32);
      for (int lane = 0; lane < lanes; lane++) signs[lane] = (word >> lane) << 31;
      float signFloats[lanes];
      __builtin_memcpy(signFloats, signs, sizeof signs);
      const Vec entry = asFloats(bitXor(deviation, asWords(load(signFloats))));
      storeFirst(out + column + j, entry, static_cast<int>(smaller(lanes, count - j)));
    }
  }
}

void randomKernel(Pool* pool, const compact::RandomCall& call) {
  parallelRanges(pool, call.rows, rowGrain(call.columns), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      float* out = call.out + row * call.columns;
      if (call.gaussian) gaussianRow(call, row, out);
      else rademacherRow(call, row, out);
    }
  });
}

}  // namespace
}  // namespace COMPACT_TIER
