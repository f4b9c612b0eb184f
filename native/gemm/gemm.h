// C [M, N] = op(A)·op(B), plus C or an addend. Two ways through the same register tile, which give the same bits:
// few rows: every panel of B is packed just before its only use; many rows: B is packed once for all threads, block by block.
#pragma once
#include "../calls.h"
#include "../threads/parallel.h"
#include "cells.h"
#include "gemm-blocks.h"
#include "pack.h"

namespace COMPACT_TIER {
namespace {

using compact::gemmDepth;
using compact::gemmRows;
using compact::gemmColumns;
using compact::nextGemmDepth;

/** One product, with what all its blocks share. */
struct Product {
  const compact::GemmCall& call;
  Operand a, b;
  compact::GemmScratch scratch;

  /** Rows from i, columns from j of what the K block that starts at k adds to. */
  Cells base(int64_t i, int64_t j, int64_t k) const {
    if (k > 0) return sums().at(i, j);
    if (call.accumulate) return Cells{call.out, call.n, call.outType}.at(i, j);
    return Cells{const_cast<void*>(call.addend), call.n, call.addendType}.at(i, j);
  }

  /** Rows from i, columns from j of where a K block goes: only the last one may round. */
  Cells target(int64_t i, int64_t j, bool last) const {
    return (last ? Cells{call.out, call.n, call.outType} : sums()).at(i, j);
  }

 private:
  /** Sums between K blocks: `out` itself where it can hold them. */
  Cells sums() const {
    return {call.outType == Stored::f32 ? call.out : scratch.sums(), call.n, Stored::f32};
  }
};

/** Part `index` of `parts` nearly equal parts of `count` units. */
struct Share {
  int64_t begin, end;
  Share(int64_t count, int64_t parts, int64_t index) : begin(count * index / parts), end(count * (index + 1) / parts) {}
};

/** Columns of C that a block works on: with 280 rows about a megabyte. */
constexpr int64_t fewRowsColumns = compact::gemmColumns;

/** M <= gemmRows: A fits beside one panel of B, so B streams through the first-level cache, packed where it is used. */
void multiplyFewRows(Pool* pool, const Product& product) {
  const compact::GemmCall& call = product.call;
  const int64_t threads = compact::poolThreads(pool);
  const int64_t panels = ceilDiv(call.n, tileColumns), rowTiles = ceilDiv(call.m, tileRows);
  const bool byColumns = threads == 1 || panels >= threads;
  // Each block of columns packs A anew, but keeps its part of C in the cache from one K block to the next. Two blocks a
  // thread are enough to balance.
  const int64_t wanted = larger(ceilDiv(call.n, fewRowsColumns), threads == 1 ? 1 : 2 * threads);
  const int64_t columnBlocks = byColumns ? smaller(panels, wanted) : 1;
  const int64_t rowBlocks = byColumns ? 1 : smaller(rowTiles, threads);
  parallelBlocks(pool, columnBlocks * rowBlocks, [&](int64_t block, int thread) {
    float* packedA = product.scratch.tiles(thread);
    float* packedB = product.scratch.panel(thread);
    const Share columns(panels, columnBlocks, block % columnBlocks), rows(rowTiles, rowBlocks, block / columnBlocks);
    const int64_t top = rows.begin * tileRows, height = smaller(call.m, rows.end * tileRows) - top;
    for (int64_t k = 0, depth = 0; k < call.k; k += depth) {
      depth = nextGemmDepth(call.k - k);
      packTiles(product.a.at(top, k), height, depth, packedA);
      for (int64_t panel = columns.begin; panel < columns.end; panel++) {
        const int64_t left = panel * tileColumns, width = smaller(tileColumns, call.n - left);
        packPanel(product.b.at(k, left), depth, width, packedB);
        multiplyToCells(packedA, height, packedB, static_cast<int>(width), depth, product.base(top, left, k),
                        product.target(top, left, k + depth == call.k));
      }
    }
  });
}

/** Panels of B that are packed as one block of work. */
constexpr int64_t panelsPerPack = 8;

/** M > gemmRows: the loops of Goto and van de Geijn, with B shared between threads and A packed by each. */
void multiplyManyRows(Pool* pool, const Product& product) {
  const compact::GemmCall& call = product.call;
  const int64_t threads = compact::poolThreads(pool);
  const int64_t rowTiles = ceilDiv(call.m, tileRows), tilesPerBlock = gemmRows / tileRows;
  // A multiple of the thread count, in parts that differ by one tile at most, so that no thread waits for another.
  const int64_t rowBlocks = smaller(rowTiles, roundUp(ceilDiv(rowTiles, tilesPerBlock), threads));
  const int64_t columnBlocks = ceilDiv(call.n, gemmColumns);
  const int64_t blockWidth = roundUp(ceilDiv(call.n, columnBlocks), compact::gemmColumnUnit);
  float* packedB = product.scratch.panels();
  for (int64_t left = 0; left < call.n; left += blockWidth) {
    const int64_t width = smaller(blockWidth, call.n - left);
    for (int64_t k = 0, depth = 0; k < call.k; k += depth) {
      depth = nextGemmDepth(call.k - k);
      parallelRanges(pool, width, panelsPerPack * tileColumns, [&](int64_t begin, int64_t end) {
        packPanels(product.b.at(k, left + begin), depth, end - begin, packedB + begin * depth);
      });
      parallelBlocks(pool, rowBlocks, [&](int64_t block, int thread) {
        const Share rows(rowTiles, rowBlocks, block);
        const int64_t top = rows.begin * tileRows, height = smaller(call.m, rows.end * tileRows) - top;
        float* packedA = product.scratch.tiles(thread);
        packTiles(product.a.at(top, k), height, depth, packedA);
        for (int64_t j = 0; j < width; j += tileColumns) {
          multiplyToCells(packedA, height, packedB + j * depth, static_cast<int>(smaller(tileColumns, width - j)), depth,
                          product.base(top, left + j, k), product.target(top, left + j, k + depth == call.k));
        }
      });
    }
  }
}

void gemmKernel(Pool* pool, const compact::GemmCall& call) {
  const Product product{
      call,
      {call.a, call.transA ? call.m : call.k, call.transA, call.aType},
      {call.b, call.transB ? call.k : call.n, call.transB, call.bType},
      compact::GemmScratch(call, compact::poolThreads(pool)),
  };
  if (call.m <= gemmRows) multiplyFewRows(pool, product);
  else multiplyManyRows(pool, product);
}

}  // namespace
}  // namespace COMPACT_TIER
