// C [M, N] = op(A)·op(B), plus C or an addend. Two ways through the same register tile, which give the same bits:
// few rows: every panel of B is packed just before its only use; many rows: B is packed once for all threads, block by block.
#pragma once
#include "../calls.h"
#include "../threads/parallel.h"
#include "cells.h"
#include "gemm-blocks.h"
#include "pack.h"
#include "unpacked.h"

namespace COMPACT_TIER {
namespace {

using compact::gemmColumns;
using compact::gemmDepth;
using compact::gemmRows;

/** One K block of a product. */
struct DepthBlock {
  int64_t start, depth;
  bool first, last;
};

template <class Arithmetic>
INLINE int64_t stepsIn(const DepthBlock& block) {
  return ceilDiv(block.depth, Arithmetic::elementsPerStep);
}

/** What a K block adds to, and where it goes. */
struct BlockCells {
  Cells base, to;
};

/** One product, with what all its blocks share. */
struct Product {
  Operand a, b;
  int64_t m, n, k;
  /** What is added to the product, or null; where the result goes. */
  Cells base, out;
  compact::GemmScratch scratch;

  /** Sums between K blocks for one block of columns, where `out` cannot hold them; they lie as `out` does. */
  Cells sums(int thread) const {
    return {scratch.sums(thread), out.transposed ? m : scratch.sumStep, Stored::f32, out.transposed};
  }

  /** The cells from (row, column) on for one K block; `between` are the same cells in `sums`. */
  BlockCells cells(const DepthBlock& block, int64_t row, int64_t column, const Cells& between) const {
    const Cells result = out.at(row, column), partial = out.type == Stored::f32 ? result : between;
    return {block.first ? base.at(row, column) : partial, block.last ? result : partial};
  }
};

/** body(block) for the K blocks in order. */
template <class Arithmetic, class Body>
INLINE void forEachDepth(int64_t k, const Body& body) {
  for (int64_t start = 0, depth = 0; start < k; start += depth) {
    depth = compact::nextGemmDepth(k - start, gemmDepth * Arithmetic::elementsPerStep);
    body(DepthBlock{start, depth, start == 0, start + depth == k});
  }
}

/** Part `index` of `parts` nearly equal parts of `count` units. */
struct Share {
  int64_t begin, end;
  Share(int64_t count, int64_t parts, int64_t index) : begin(count * index / parts), end(count * (index + 1) / parts) {}
};

/** What packPanels will read of these columns. */
INLINE Ahead fetchOperand(Operand b, int64_t depth, int64_t columns) {
  const int64_t bytes = compact::bytesOf(b.type);
  return b.transposed ? Ahead(b.start, b.step * bytes, depth * bytes, columns)
                      : Ahead(b.start, b.step * bytes, columns * bytes, depth);
}

/** Cache lines of a panel of B that one tile passes from one fetch to the next. */
constexpr int64_t linesPerFetch = stepsPerFetch * tileColumns * static_cast<int64_t>(sizeof(float)) / 64;

/** Columns of a block that is worth packing A for, if there is a choice. */
constexpr int64_t narrowestBlock = 256;

/** M <= gemmRows: A fits beside one panel of B, so B streams through the first-level cache, packed where it is used. */
template <class Arithmetic>
void multiplyFewRows(Pool* pool, const Product& product) {
  const int64_t threads = compact::poolThreads(pool);
  const int64_t panels = ceilDiv(product.n, tileColumns);
  const bool byColumns = threads == 1 || panels >= threads;
  // Each block of columns packs A anew, but keeps its part of C in the cache from one K block to the next. Two blocks a
  // thread are enough to balance, and one where blocks would be so narrow that packing takes a tenth of their time.
  const bool twoEach = threads > 1 && product.n >= 2 * threads * narrowestBlock;
  const int64_t wanted = larger(ceilDiv(product.n, gemmColumns), twoEach ? 2 * threads : threads);
  const int64_t columnBlocks = byColumns ? smaller(panels, wanted) : 1;
  const int64_t rowBlocks = byColumns ? 1 : smaller(ceilDiv(product.m, tileRows), threads);
  parallelBlocks(pool, columnBlocks * rowBlocks, [&](int64_t index, int thread) {
    float* packedA = product.scratch.tiles(thread);
    float* packedB = product.scratch.panel(thread);
    const Share columns(panels, columnBlocks, index % columnBlocks), rows(product.m, rowBlocks, index / columnBlocks);
    const int64_t top = rows.begin, height = rows.end - top;
    const int64_t left = columns.begin * tileColumns, right = smaller(product.n, columns.end * tileColumns);
    const Cells sums = product.sums(thread);
    forEachDepth<Arithmetic>(product.k, [&](const DepthBlock& block) {
      Arithmetic::packA(product.a.at(top, block.start), height, block.depth, packedA);
      int64_t column = left;
      if (height <= unpackedRows) {
        const BlockCells cells = product.cells(block, top, left, sums);
        column += Arithmetic::multiplyUnpacked(static_cast<int>(height), packedA, product.b.at(block.start, left),
                                               block.depth, right - left, cells.base, cells.to);
      }
      while (column < right) {
        const int64_t width = smaller(tileColumns, right - column), next = column + width;
        Arithmetic::packB(product.b.at(block.start, column), block.depth, width, packedB);
        Ahead ahead;
        if (next < right) {
          ahead = fetchOperand(product.b.at(block.start, next), block.depth, smaller(tileColumns, right - next));
          // All of it within the time of this panel.
          ahead.lines = static_cast<int>(ceilDiv(linesPerFetch, ceilDiv(height, tileRows)));
        }
        const BlockCells cells = product.cells(block, top, column, sums.at(0, column - left));
        multiplyToCells<typename Arithmetic::Products>(packedA, height, packedB, static_cast<int>(width),
                                                       stepsIn<Arithmetic>(block), cells.base, cells.to, &ahead);
        column = next;
      }
    });
  });
}

/** Panels of B that are packed as one block of work: few, so that all threads have as much. */
constexpr int64_t panelsPerPack = packedTogether;

/** M > gemmRows: the loops of Goto and van de Geijn, with B shared between threads and A packed by each. */
template <class Arithmetic>
void multiplyManyRows(Pool* pool, const Product& product) {
  const int64_t threads = compact::poolThreads(pool);
  // A multiple of the thread count, in parts that differ by one row at most, so that no thread waits for another.
  const int64_t rowBlocks = roundUp(ceilDiv(product.m, gemmRows), threads);
  const int64_t columnBlocks = ceilDiv(product.n, gemmColumns);
  const int64_t blockWidth = roundUp(ceilDiv(product.n, columnBlocks), compact::gemmColumnUnit);
  float* packedB = product.scratch.panels();
  const Cells sums = product.sums(0);
  for (int64_t left = 0; left < product.n; left += blockWidth) {
    const int64_t width = smaller(blockWidth, product.n - left);
    forEachDepth<Arithmetic>(product.k, [&](const DepthBlock& block) {
      const int64_t steps = stepsIn<Arithmetic>(block);
      parallelRanges(pool, width, panelsPerPack * tileColumns, [&](int64_t begin, int64_t end) {
        Arithmetic::packB(product.b.at(block.start, left + begin), block.depth, end - begin, packedB + begin * steps);
      });
      parallelBlocks(pool, rowBlocks, [&](int64_t index, int thread) {
        const Share rows(product.m, rowBlocks, index);
        const int64_t top = rows.begin, height = rows.end - top;
        float* packedA = product.scratch.tiles(thread);
        Arithmetic::packA(product.a.at(top, block.start), height, block.depth, packedA);
        for (int64_t j = 0; j < width; j += tileColumns) {
          const float* panel = packedB + j * steps;
          const int64_t bytes = tileColumns * steps * static_cast<int64_t>(sizeof(float));
          Ahead ahead = j + tileColumns < width ? Ahead(panel + tileColumns * steps, 0, bytes, 1) : Ahead();
          const BlockCells cells = product.cells(block, top, left + j, sums.at(top, j));
          multiplyToCells<typename Arithmetic::Products>(packedA, height, panel,
                                                         static_cast<int>(smaller(tileColumns, width - j)), steps,
                                                         cells.base, cells.to, &ahead);
        }
      });
    });
  }
}

/** The product that a call asks for, or its transpose where that has fewer rows than a tile has columns. */
Product productOf(const compact::GemmCall& call, int threads) {
  const int64_t m = call.m, n = call.n, k = call.k;
  const Operand a{call.a, call.transA ? m : k, call.transA, call.aType};
  const Operand b{call.b, call.transB ? k : n, call.transB, call.bType};
  const bool swapped = compact::gemmIsTransposed(m, n);
  const Cells out{call.out, n, call.outType, swapped};
  const Cells addend{const_cast<void*>(call.addend), n, call.addendType, swapped};
  const Cells base = call.accumulate ? out : addend;
  const auto scratch = [&](int64_t rows, int64_t columns) {
    return compact::GemmScratch(rows, columns, k, call.outType, threads, call.scratch);
  };
  if (!swapped) return {a, b, m, n, k, base, out, scratch(m, n)};
  const auto turned = [](Operand x) { return Operand{x.start, x.step, !x.transposed, x.type}; };
  return {turned(b), turned(a), n, m, k, base, out, scratch(n, m)};
}

template <class Arithmetic>
void multiply(Pool* pool, const compact::GemmCall& call) {
  const Product product = productOf(call, compact::poolThreads(pool));
  if (product.m <= gemmRows) multiplyFewRows<Arithmetic>(pool, product);
  else multiplyManyRows<Arithmetic>(pool, product);
}

}  // namespace
}  // namespace COMPACT_TIER
