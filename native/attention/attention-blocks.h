// Tiles of attention and its scratch; the same numbers stand in src/engine/contract/attention.ts.
#pragma once
#include <cstdint>

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

/** Eight operands, six tiles of scores, eight vectors of row statistics, per thread. */
static inline int64_t attentionThreadFloats(int64_t headWidth) {
  return 8 * attentionOperandFloats(headWidth) + 6 * (attentionQueries * attentionKeys + gemmSlack) + 8 * attentionQueries;
}

}  // namespace
}  // namespace compact
