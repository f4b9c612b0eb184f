// Where a fast projection P [n, r] has its entries and which sign they have; the contract has the recipes.
#pragma once
#include "../calls.h"
#include "threefry.h"

namespace COMPACT_TIER {
namespace {

constexpr uint32_t signBit = 0x80000000u;

/** Both words of sixteen counters: (i, fixed) with `inFirst`, else (fixed, i), for i from `begin`. */
INLINE void threefryRow(const compact::FastProjection& p, bool inFirst, uint32_t fixed, int64_t begin, uint32_t* word0,
                        uint32_t* word1) {
  const Words index = add(setWords(static_cast<uint32_t>(begin)), laneIndex());
  Words x0 = inFirst ? index : setWords(fixed), x1 = inFirst ? setWords(fixed) : index;
  threefry(p.key0, p.key1, x0, x1);
  __builtin_memcpy(word0, &x0, sizeof x0);
  __builtin_memcpy(word1, &x1, sizeof x1);
}

INLINE uint32_t belowOf(uint32_t word, int64_t count) {
  return ((word >> 16) * static_cast<uint32_t>(count)) >> 16;
}

/** entries[i·k + a] = column·2 + (1 where negative) of row i in block a. */
void sparseTable(const compact::FastProjection& p, uint32_t* entries) {
  const int64_t k = p.perRow, r = p.rank;
  for (int64_t a = 0; a < k; a++) {
    const int64_t begin = a * r / k, width = (a + 1) * r / k - begin;
    for (int64_t i = 0; i < p.inputSize; i += lanes) {
      uint32_t word0[lanes], word1[lanes];
      threefryRow(p, true, static_cast<uint32_t>(a), i, word0, word1);
      const int64_t count = smaller(lanes, p.inputSize - i);
      for (int64_t lane = 0; lane < count; lane++) {
        const uint32_t column = static_cast<uint32_t>(begin) + belowOf(word0[lane], width);
        entries[(i + lane) * k + a] = column * 2 + (word1[lane] >> 31);
      }
    }
  }
}

/** The sign bits of D, and a shuffle of 0 .. size−1 whose first r are the columns that S takes. */
void hadamardTable(const compact::FastProjection& p, uint32_t* signs, uint32_t* columns) {
  uint32_t word0[lanes], word1[lanes];
  for (int64_t i = 0; i < p.inputSize; i += lanes) {
    threefryRow(p, false, 0, i, word0, word1);
    const int64_t count = smaller(lanes, p.inputSize - i);
    for (int64_t lane = 0; lane < count; lane++) signs[i + lane] = word0[lane] & signBit;
  }
  for (int64_t c = 0; c < p.hadamardSize; c++) columns[c] = static_cast<uint32_t>(c);
  for (int64_t step = 0; step < p.rank; step++) {
    if (step % lanes == 0) threefryRow(p, false, 1, step, word0, word1);
    const int64_t other = step + belowOf(word0[step % lanes], p.hadamardSize - step);
    const uint32_t column = columns[step];
    columns[step] = columns[other];
    columns[other] = column;
  }
}

}  // namespace
}  // namespace COMPACT_TIER
