// Packing: operands are copied into the order in which the register tile reads them.
#pragma once
#include "../simd/simd.h"

namespace COMPACT_TIER {
namespace {

/** A matrix or its transpose: element (row, column) at start[row·step + column], or with rows and columns exchanged. */
struct Operand {
  const float* start;
  int64_t step;
  bool transposed;

  /** The part that begins at (row, column). */
  Operand at(int64_t row, int64_t column) const {
    return {start + (transposed ? column * step + row : row * step + column), step, transposed};
  }
};

/** Floats that a pack may write beyond its panel: the last column of a transposed block is stored with all lanes. */
constexpr int64_t packSlack = lanes;

/**
 * to[k·stride + i] = x(i, k) for i < rows <= 16, k < depth, rows running along memory in `to`; x row-major. Always inlined:
 * with a constant number of rows the blocks lose all their tests.
 */
INLINE void packTransposing(Operand x, int rows, int64_t depth, float* to, int64_t stride) {
  int64_t k = 0;
  for (; k + 16 <= depth; k += 16) transposeBlock(x.start + k, x.step, rows, 16, to + k * stride, stride);
  if (k < depth) {
    transposeBlock(x.start + k, x.step, rows, static_cast<int>(depth - k), to + k * stride, stride);
  }
}

/** A (rows x depth) in tiles: tile by tile, within a tile k by k, its rows side by side. */
INLINE void packTiles(Operand a, int64_t rows, int64_t depth, float* to) {
  for (int64_t i = 0; i < rows; i += tileRows) {
    const int count = static_cast<int>(smaller(tileRows, rows - i));
    float* tile = to + i * depth;
    if (!a.transposed) {
      if (count == tileRows) packTransposing(a.at(i, 0), tileRows, depth, tile, tileRows);
      else packTransposing(a.at(i, 0), count, depth, tile, count);
    } else {
      const float* from = a.start + i;
      for (int64_t k = 0; k < depth; k++) store(tile + k * count, loadFirst(from + k * a.step, count));
    }
  }
}

/** One panel of B (depth x columns, columns <= tileColumns): k by k, padded with zeros to tileColumns. */
INLINE void packPanel(Operand b, int64_t depth, int64_t columns, float* to) {
  for (int64_t j = 0; j < tileColumns; j += lanes) {
    const int count = static_cast<int>(larger(0, smaller(lanes, columns - j)));
    if (count == 0) {
      for (int64_t k = 0; k < depth; k++) store(to + k * tileColumns + j, zero());
    } else if (b.transposed) {
      // Stored as columns x depth: its rows are our columns.
      const Operand rows{b.start + j * b.step, b.step, false};
      if (count == lanes) packTransposing(rows, lanes, depth, to + j, tileColumns);
      else packTransposing(rows, count, depth, to + j, tileColumns);
    } else if (count == lanes) {
      for (int64_t k = 0; k < depth; k++) store(to + k * tileColumns + j, load(b.start + k * b.step + j));
    } else {
      for (int64_t k = 0; k < depth; k++) store(to + k * tileColumns + j, loadFirst(b.start + k * b.step + j, count));
    }
  }
}

/** All of B (depth x columns) in panels. */
INLINE void packPanels(Operand b, int64_t depth, int64_t columns, float* to) {
  for (int64_t j = 0; j < columns; j += tileColumns) {
    packPanel(b.at(0, j), depth, smaller(tileColumns, columns - j), to + j * depth);
  }
}

}  // namespace
}  // namespace COMPACT_TIER
