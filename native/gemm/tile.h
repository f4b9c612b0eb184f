// The register tile: C[rows, columns] = base + A·B over one K block, rows <= tileRows, columns <= tileColumns.
#pragma once
#include "../simd/simd.h"

namespace COMPACT_TIER {
namespace {

constexpr int tileVecs = tileColumns / lanes;

/** Operands of a tile. A has element (i, k) at a[k·aStride + i], B is a packed panel of tileColumns floats per k. */
struct TileCall {
  const float *a, *b;
  int64_t aStride, depth;
  float* c;
  int64_t cStride;
  /** Added to the sum over k, last: C itself, an addend, or null for nothing. */
  const float* base;
  int64_t baseStride;
  /** Columns that exist; those beyond are neither read nor written. */
  int columns;
};

/**
 * Sums over k one after the other, from 0, each step a fused multiply-add, then adds `base`: the order that makes results
 * independent of tiles, threads and tiers. Fully unrolled over rows, so that all sums stay in registers.
 */
template <int rows>
void multiplyTile(const TileCall& call) {
  Vec sums[rows][tileVecs];
  for (int i = 0; i < rows; i++) {
    for (int j = 0; j < tileVecs; j++) sums[i][j] = zero();
  }
  // The rows of C are needed only at the end; ask for them now.
  for (int i = 0; i < rows; i++) __builtin_prefetch(call.c + i * call.cStride, 1);
  const float *a = call.a, *b = call.b;
  const int64_t aStride = call.aStride;
  for (int64_t k = call.depth; k > 0; k--) {
    Vec row[tileVecs];
#pragma GCC unroll 2
    for (int j = 0; j < tileVecs; j++) row[j] = load(b + j * lanes);
#pragma GCC unroll 14
    for (int i = 0; i < rows; i++) {
      const Vec factor = set(a[i]);
#pragma GCC unroll 2
      for (int j = 0; j < tileVecs; j++) sums[i][j] = fma(factor, row[j], sums[i][j]);
    }
    a += aStride;
    b += tileColumns;
  }
#pragma GCC unroll 14
  for (int i = 0; i < rows; i++) {
    float* c = call.c + i * call.cStride;
    const float* base = call.base != nullptr ? call.base + i * call.baseStride : nullptr;
#pragma GCC unroll 2
    for (int j = 0; j < tileVecs; j++) {
      const int count = call.columns - j * lanes;
      if (count >= lanes) {
        store(c + j * lanes, base != nullptr ? add(load(base + j * lanes), sums[i][j]) : sums[i][j]);
      } else if (count > 0) {
        const Vec sum = base != nullptr ? add(loadFirst(base + j * lanes, count), sums[i][j]) : sums[i][j];
        storeFirst(c + j * lanes, sum, count);
      }
    }
  }
}

template <int rows>
struct TileTable {
  static void call(int wanted, const TileCall& tile) {
    if (wanted == rows) multiplyTile<rows>(tile);
    else TileTable<rows - 1>::call(wanted, tile);
  }
};
template <>
struct TileTable<0> {
  static void call(int, const TileCall&) {}
};

/** The tile of this many rows, 1 … tileRows. */
INLINE void multiplyTileOf(int rows, const TileCall& tile) { TileTable<tileRows>::call(rows, tile); }

/** A stored in tiles of tileRows rows one after the other, or as one matrix [k][i]. */
struct TileSource {
  const float* start;
  /** Floats from one k to the next; 0 = packed, where it is the rows of each tile. */
  int64_t stride;
};

/** C[rows, columns] = base + A·B for one panel of B and any number of rows. */
INLINE void multiplyPanel(TileSource a, int64_t rows, TileCall tile) {
  for (int64_t i = 0; i < rows; i += tileRows) {
    const int count = static_cast<int>(smaller(tileRows, rows - i));
    TileCall part = tile;
    part.a = a.stride == 0 ? a.start + i * tile.depth : a.start + i;
    part.aStride = a.stride == 0 ? count : a.stride;
    part.c = tile.c + i * tile.cStride;
    part.base = tile.base != nullptr ? tile.base + i * tile.baseStride : nullptr;
    multiplyTileOf(count, part);
  }
}

}  // namespace
}  // namespace COMPACT_TIER
