// Packing: operands are copied into the order in which the register tile reads them, bf16 ones widened to f32.
#pragma once
#include "../calls.h"
#include "../simd/simd.h"

namespace COMPACT_TIER {
namespace {

using compact::Stored;

/** A matrix or its transpose: element (row, column) at start[row·step + column], or with rows and columns exchanged. */
struct Operand {
  const void* start;
  int64_t step;
  bool transposed;
  Stored type = Stored::f32;

  /** The part that begins at (row, column). */
  Operand at(int64_t row, int64_t column) const {
    const int64_t offset = transposed ? column * step + row : row * step + column;
    return {static_cast<const char*>(start) + offset * compact::bytesOf(type), step, transposed, type};
  }
};

/** transposeBlock, widened to f32. */
INLINE void transposeBlock(const uint16_t* from, int64_t step, int rows, int columns, float* to, int64_t stride) {
  alignas(64) float block[16 * lanes];
  for (int i = 0; i < rows; i++) {
    store(block + i * lanes, columns == lanes ? load(from + i * step) : loadFirst(from + i * step, columns));
  }
  transposeBlock(block, lanes, rows, columns, to, stride);
}

/**
 * to[k·stride + i] = x(i, k) for i < rows <= 16, k < depth, rows running along memory in `to`; x row-major. Always inlined:
 * with a constant number of rows the blocks lose all their tests.
 */
template <class Element>
INLINE void packTransposing(const Element* x, int64_t step, int rows, int64_t depth, float* to, int64_t stride) {
  int64_t k = 0;
  for (; k + 16 <= depth; k += 16) transposeBlock(x + k, step, rows, 16, to + k * stride, stride);
  if (k < depth) transposeBlock(x + k, step, rows, static_cast<int>(depth - k), to + k * stride, stride);
}

template <class Element>
void packTilesFrom(Operand a, int64_t rows, int64_t depth, float* to) {
  for (int64_t i = 0; i < rows; i += tileRows) {
    const int count = static_cast<int>(smaller(tileRows, rows - i));
    const Element* from = static_cast<const Element*>(a.at(i, 0).start);
    float* tile = to + i * depth;
    if (!a.transposed) {
      if (count == tileRows) packTransposing(from, a.step, tileRows, depth, tile, tileRows);
      else packTransposing(from, a.step, count, depth, tile, count);
    } else {
      for (int64_t k = 0; k < depth; k++) store(tile + k * count, loadFirst(from + k * a.step, count));
    }
  }
}

template <class Element>
void packPanelFrom(Operand b, int64_t depth, int64_t columns, float* to) {
  for (int64_t j = 0; j < tileColumns; j += lanes) {
    const int count = static_cast<int>(larger(0, smaller(lanes, columns - j)));
    const Element* from = static_cast<const Element*>(b.at(0, count == 0 ? 0 : j).start);
    if (count == 0) {
      for (int64_t k = 0; k < depth; k++) store(to + k * tileColumns + j, zero());
    } else if (b.transposed) {
      // Stored as columns x depth: its rows are our columns.
      if (count == lanes) packTransposing(from, b.step, lanes, depth, to + j, tileColumns);
      else packTransposing(from, b.step, count, depth, to + j, tileColumns);
    } else if (count == lanes) {
      for (int64_t k = 0; k < depth; k++) store(to + k * tileColumns + j, load(from + k * b.step));
    } else {
      for (int64_t k = 0; k < depth; k++) store(to + k * tileColumns + j, loadFirst(from + k * b.step, count));
    }
  }
}

/** A (rows x depth) in tiles: tile by tile, within a tile k by k, its rows side by side. */
INLINE void packTiles(Operand a, int64_t rows, int64_t depth, float* to) {
  if (a.type == Stored::f32) packTilesFrom<float>(a, rows, depth, to);
  else packTilesFrom<uint16_t>(a, rows, depth, to);
}

/** One panel of B (depth x columns, columns <= tileColumns): k by k, padded with zeros to tileColumns. */
INLINE void packPanel(Operand b, int64_t depth, int64_t columns, float* to) {
  if (b.type == Stored::f32) packPanelFrom<float>(b, depth, columns, to);
  else packPanelFrom<uint16_t>(b, depth, columns, to);
}

/** All of B (depth x columns) in panels. */
INLINE void packPanels(Operand b, int64_t depth, int64_t columns, float* to) {
  for (int64_t j = 0; j < columns; j += tileColumns) {
    packPanel(b.at(0, j), depth, smaller(tileColumns, columns - j), to + j * depth);
  }
}

}  // namespace
}  // namespace COMPACT_TIER
