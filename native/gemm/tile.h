// The register tile: C[rows, columns] = base + A·B over one K block, rows <= tileRows, columns <= tileColumns.
#pragma once
#include "../simd/simd.h"
#include "ahead.h"
#include "pack.h"

namespace COMPACT_TIER {
namespace {

constexpr int tileVecs = tileColumns / lanes;

/** Steps of one element of k, in f32. */
struct FloatProducts {
  INLINE Vec multiplyAdd(Vec a, Vec b, Vec sum) { return fma(a, b, sum); }
};

/** Operands of a tile. A has row i of step s at a[s·aStride + i], B is a packed panel of tileColumns floats per step. */
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
  /** What to fetch meanwhile, or null. */
  Ahead* ahead;
};

/** Steps before the end at which the rows of C and of the base are asked for: about as long as memory takes. */
constexpr int64_t stepsBeforeEnd = 64;

/** Steps between two fetches for the next panel: some dozens of cycles, of which a fetch takes few. */
constexpr int stepsPerFetch = 2;

/** Asks for the cache lines of a tile in a matrix. */
INLINE void fetchTile(const float* start, int64_t stride, int rows) {
  for (int i = 0; i < rows; i++) {
    __builtin_prefetch(start + i * stride, 1);
    __builtin_prefetch(start + i * stride + tileColumns - 1, 1);
  }
}

/**
 * Sums over k one after the other, from 0, each step a fused multiply-add, then adds `base`: the order that makes results
 * independent of tiles, threads and tiers. Fully unrolled over rows, so that all sums stay in registers.
 */
template <class Products, int rows>
void multiplyTile(const TileCall& call) {
  Vec sums[rows][tileVecs];
#pragma GCC unroll 14
  for (int i = 0; i < rows; i++) {
#pragma GCC unroll 2
    for (int j = 0; j < tileVecs; j++) sums[i][j] = zero();
  }
  const float *a = call.a, *b = call.b;
  const int64_t aStride = call.aStride;
  const auto step = [&]() __attribute__((always_inline)) {
    Vec row[tileVecs];
#pragma GCC unroll 2
    for (int j = 0; j < tileVecs; j++) row[j] = load(b + j * lanes);
#pragma GCC unroll 14
    for (int i = 0; i < rows; i++) {
      const Vec factor = set(a[i]);
#pragma GCC unroll 2
      for (int j = 0; j < tileVecs; j++) sums[i][j] = Products::multiplyAdd(factor, row[j], sums[i][j]);
    }
    a += aStride;
    b += tileColumns;
  };
  int64_t left = call.depth;
  if (call.ahead != nullptr) {
    for (; left > stepsBeforeEnd; left -= stepsPerFetch) {
      for (int i = 0; i < call.ahead->lines; i++) fetchLine(*call.ahead);
#pragma GCC unroll 2
      for (int i = 0; i < stepsPerFetch; i++) step();
    }
  }
  for (; left > stepsBeforeEnd; left--) step();
  fetchTile(call.c, call.cStride, rows);
  if (call.base != nullptr && call.base != call.c) fetchTile(call.base, call.baseStride, rows);
  for (; left > 0; left--) step();
  const float* base = call.base;
  float* c = call.c;
  if (call.columns == tileColumns) {
#pragma GCC unroll 14
    for (int i = 0; i < rows; i++, c += call.cStride) {
#pragma GCC unroll 2
      for (int j = 0; j < tileVecs; j++) {
        store(c + j * lanes, base != nullptr ? add(load(base + j * lanes), sums[i][j]) : sums[i][j]);
      }
      if (base != nullptr) base += call.baseStride;
    }
    return;
  }
#pragma GCC unroll 14
  for (int i = 0; i < rows; i++, c += call.cStride) {
#pragma GCC unroll 2
    for (int j = 0; j < tileVecs; j++) {
      const int count = static_cast<int>(smaller(lanes, call.columns - j * lanes));
      if (count <= 0) continue;
      storeFirst(c + j * lanes, base != nullptr ? add(loadFirst(base + j * lanes, count), sums[i][j]) : sums[i][j], count);
    }
    if (base != nullptr) base += call.baseStride;
  }
}

template <class Products, int rows>
struct TileTable {
  static void call(int wanted, const TileCall& tile) {
    if (wanted == rows) multiplyTile<Products, rows>(tile);
    else TileTable<Products, rows - 1>::call(wanted, tile);
  }
};
template <class Products>
struct TileTable<Products, 0> {
  static void call(int, const TileCall&) {}
};

/** The tile of this many rows, 1 … tileRows. */
template <class Products>
INLINE void multiplyTileOf(int rows, const TileCall& tile) {
  TileTable<Products, tileRows>::call(rows, tile);
}

/** A stored in tiles one after the other (see packTiles), or as one matrix [step][row]. */
struct TileSource {
  const float* start;
  /** Floats from one step to the next; 0 = packed, where it is the rows of each tile. */
  int64_t stride;
};

/** C[rows, columns] = base + A·B for one panel of B and any number of rows. */
template <class Products = FloatProducts>
INLINE void multiplyPanel(TileSource a, int64_t rows, TileCall tile) {
  const RowTiles tiles(rows);
  for (int64_t index = 0; index < tiles.count; index++) {
    const int64_t start = tiles.start(index);
    const int height = tiles.height(index);
    TileCall part = tile;
    part.a = a.stride == 0 ? a.start + start * tile.depth : a.start + start;
    part.aStride = a.stride == 0 ? height : a.stride;
    part.c = tile.c + start * tile.cStride;
    part.base = tile.base != nullptr ? tile.base + start * tile.baseStride : nullptr;
    multiplyTileOf<Products>(height, part);
  }
}

}  // namespace
}  // namespace COMPACT_TIER
