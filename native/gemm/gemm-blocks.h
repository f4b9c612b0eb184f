// Blocking of the matrix product and its scratch; the same numbers stand in src/engine/contract/gemm.ts.
// Included by the tier units and by the binding: everything is `static`, see tiers/kernels.h.
#pragma once
#include <cstdint>

#include "../calls.h"

namespace compact {
namespace {

/** Depth of a K block, rows of A and columns of B packed at a time. */
constexpr int64_t gemmDepth = 384;
constexpr int64_t gemmRows = 280;
constexpr int64_t gemmColumns = 1024;
/** Widest register tile of any tier; panels are rounded up to it. */
constexpr int64_t gemmColumnUnit = 32;
/** Floats after each packed operand, for stores of whole vectors at its end. */
constexpr int64_t gemmSlack = 16;

static inline int64_t lesser(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t roundUpTo(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

/** Depth of the next K block when `rest` remain; the rule of `gemmDepth` in the contract. */
static inline int64_t nextGemmDepth(int64_t rest) {
  if (rest >= 2 * gemmDepth) return gemmDepth;
  if (rest > gemmDepth) return roundUpTo((rest + 1) / 2, 16);
  return rest;
}

/**
 * Where the packed operands lie: per thread the tiles of A and one panel of B, then the shared panels of B; last the sums in
 * f32 where `out` is bf16 and takes more than one K block.
 */
struct GemmScratch {
  int64_t tileFloats, panelFloats, sharedFloats, sumFloats;
  int threads;
  float* start;

  GemmScratch(const GemmCall& call, int threadCount) : threads(threadCount), start(call.scratch) {
    const int64_t depth = lesser(call.k, gemmDepth);
    const bool fewRows = call.m <= gemmRows;
    tileFloats = roundUpTo(lesser(call.m, gemmRows) * depth + gemmSlack, gemmSlack);
    panelFloats = fewRows ? gemmColumnUnit * depth : 0;
    sharedFloats = fewRows ? 0 : lesser(roundUpTo(call.n, gemmColumnUnit), gemmColumns) * depth;
    sumFloats = call.outType == Stored::bf16 && call.k > gemmDepth ? call.m * call.n : 0;
  }

  float* tiles(int thread) const { return start + thread * (tileFloats + panelFloats); }
  float* panel(int thread) const { return tiles(thread) + tileFloats; }
  float* panels() const { return tiles(threads); }
  float* sums() const { return panels() + sharedFloats; }
  int64_t floats() const { return threads * (tileFloats + panelFloats) + sharedFloats + sumFloats; }
};

}  // namespace
}  // namespace compact
