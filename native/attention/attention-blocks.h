// Tiles of attention and its scratch; the same numbers stand in src/engine/contract/attention.ts.
#pragma once
#include <cstdint>

#include "../calls.h"
#include "../gemm/gemm-blocks.h"

namespace compact {
namespace {

/** Query rows and key rows of one tile of scores. */
constexpr int64_t attentionQueries = 64;
constexpr int64_t attentionKeys = 64;

/** Floats of one packed operand of a tile (64 rows of a head), with room for stores of whole vectors. */
static inline int64_t attentionOperandFloats(int64_t headWidth) {
  return 64 * roundUpTo(headWidth, gemmColumnUnit) + gemmSlack;
}

/** Nine operands, four tiles of scores, two vectors of row statistics and two of key ranges, per thread. */
static inline int64_t attentionThreadFloats(int64_t headWidth) {
  return 9 * attentionOperandFloats(headWidth) + 4 * (attentionQueries * attentionKeys + gemmSlack) + 4 * attentionQueries;
}

/** Where backward keeps what all threads share: Σ do∘o of each score row, whose turn it is at each block of dq, and dq in f32. */
struct AttentionSharedFloats {
  int64_t rowSums, turns, queryGradient;

  AttentionSharedFloats(const AttentionShape& s, Stored stored) {
    const int64_t rows = s.batch * s.queryLength;
    const int64_t queryBlocks = (s.queryLength + attentionQueries - 1) / attentionQueries;
    rowSums = roundUpTo(rows * s.heads, 16);
    turns = roundUpTo(s.batch * s.heads * queryBlocks, 16);
    // In f32 dq itself is the sum.
    queryGradient = stored == Stored::bf16 ? rows * s.heads * s.headWidth : 0;
  }
  int64_t floats() const { return rowSums + turns + queryGradient; }
};

}  // namespace
}  // namespace compact
