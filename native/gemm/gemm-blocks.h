// Blocking of the matrix product and its scratch; the same numbers stand in src/engine/contract/gemm.ts.
// Included by the tier units and by the binding: everything is `static`, see tiers/kernels.h.
#pragma once
#include <cstdint>

#include "../calls.h"

namespace compact {
namespace {

/** Depth of a K block, rows of A and columns of B packed at a time. */
constexpr int64_t gemmDepth = 512;
constexpr int64_t gemmRows = 280;
constexpr int64_t gemmColumns = 1024;
/** Widest register tile of any tier; panels are rounded up to it. */
constexpr int64_t gemmColumnUnit = 32;
/** Floats after each packed operand, for stores of whole vectors at its end. */
constexpr int64_t gemmSlack = 16;
/** A product with at most so many columns, and more rows, is computed as its transpose. */
constexpr int64_t gemmFewColumns = 16;

static inline int64_t lesser(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t roundUpTo(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

/** Depth of the next K block when `rest` remain and `depth` is a whole one; the rule of `gemmDepth` in the contract. */
static inline int64_t nextGemmDepth(int64_t rest, int64_t depth) {
  if (rest >= 2 * depth) return depth;
  if (rest > depth) return roundUpTo((rest + 1) / 2, 16);
  return rest;
}

static inline bool gemmIsTransposed(int64_t m, int64_t n) { return n <= gemmFewColumns && n < m; }

/**
 * Where the packed operands lie, for a product of these extents: per thread the tiles of A and one panel of B, then the shared
 * panels of B; last the sums in f32 where `out` is bf16 and takes more than one K block, per thread or shared like the panels.
 */
struct GemmScratch {
  int64_t tileFloats, panelFloats, sharedFloats, sumStep, sumFloats;
  int threads;
  bool fewRows;
  float* start;

  GemmScratch(int64_t m, int64_t n, int64_t k, Stored outType, int threadCount, float* scratch)
      : threads(threadCount), fewRows(m <= gemmRows), start(scratch) {
    const int64_t depth = lesser(k, gemmDepth);
    sumStep = lesser(roundUpTo(n, gemmColumnUnit), gemmColumns);
    tileFloats = roundUpTo(lesser(m, gemmRows) * depth + gemmSlack, gemmSlack);
    panelFloats = fewRows ? gemmColumnUnit * depth : 0;
    sharedFloats = fewRows ? 0 : sumStep * depth;
    sumFloats = outType == Stored::bf16 && k > gemmDepth ? roundUpTo(m * sumStep, gemmSlack) : 0;
  }

  float* tiles(int thread) const { return start + thread * (tileFloats + panelFloats); }
  float* panel(int thread) const { return tiles(thread) + tileFloats; }
  float* panels() const { return tiles(threads); }
  float* sums(int thread) const { return panels() + sharedFloats + (fewRows ? thread * sumFloats : 0); }
  int64_t floats() const {
    return threads * (tileFloats + panelFloats) + sharedFloats + (fewRows ? threads : 1) * sumFloats;
  }
};

/** Floats of scratch for any product of these extents. */
static inline int64_t gemmScratchFloats(int64_t m, int64_t n, int64_t k, Stored outType, int threads) {
  const bool swapped = gemmIsTransposed(m, n);
  return GemmScratch(swapped ? n : m, swapped ? m : n, k, outType, threads, nullptr).floats();
}

}  // namespace
}  // namespace compact
