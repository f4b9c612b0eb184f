// Packing: operands are copied into the order in which the register tile reads them.
#pragma once
#include "sources.h"

namespace COMPACT_TIER {
namespace {

/** Nearly equal parts of a number of rows, none longer than a tile: a last tile of two rows would cost as much as one of six. */
struct RowTiles {
  int64_t rows, count;
  explicit RowTiles(int64_t rowCount) : rows(rowCount), count(ceilDiv(rowCount, tileRows)) {}
  /** First row of a tile; that of tile `count` is the end. */
  int64_t start(int64_t tile) const { return rows * tile / count; }
  int height(int64_t tile) const { return static_cast<int>(start(tile + 1) - start(tile)); }
};

/** Tiles or panels that are filled at the same time where k runs across memory, so that whole cache lines are used. */
constexpr int64_t packedTogether = 4;

template <class Source>
constexpr int64_t stepsOf(int64_t depth) {
  return (depth + Source::elementsPerStep - 1) / Source::elementsPerStep;
}

/** How far ahead packing asks for memory: blocks where k runs along memory, steps where it runs across. */
constexpr int64_t blocksAhead = 3, stepsAhead = 8;

/** to[step·stride + i] = row i < rows <= 16, rows lying `step` elements apart. Inlined: constant `rows` remove all tests. */
template <class Source>
INLINE void packTransposing(const typename Source::Element* x, int64_t step, int rows, int64_t depth, float* to,
                            int64_t stride) {
  constexpr int64_t perBlock = lanes * Source::elementsPerStep;
  int64_t k = 0;
  for (; k + perBlock <= depth; k += perBlock, to += lanes * stride) {
    // More rows at a time than the processor follows by itself.
    for (int i = 0; i < rows; i++) __builtin_prefetch(x + i * step + k + blocksAhead * perBlock);
    transposeBlock([&](int i) { return Source::along(x + i * step + k, perBlock); }, rows, lanes, to, stride);
  }
  if (k < depth) {
    const int columns = static_cast<int>(stepsOf<Source>(depth - k));
    transposeBlock([&](int i) { return Source::along(x + i * step + k, depth - k); }, rows, columns, to, stride);
  }
}

/** Tiles [first, last) of Aᵀ: k runs across memory. */
template <class Source>
void packTilesAcross(Operand a, const RowTiles& tiles, int64_t first, int64_t last, int64_t depth, float* to) {
  const int64_t steps = stepsOf<Source>(depth);
  // Once, since they take divisions.
  int64_t starts[packedTogether + 1];
  for (int64_t tile = first; tile <= last; tile++) starts[tile - first] = tiles.start(tile);
  for (int64_t s = 0; s < steps; s++) {
    const int64_t k = s * Source::elementsPerStep;
    const auto* row = static_cast<const typename Source::Element*>(a.start) + k * a.step;
    for (int64_t i = 0; i < Source::elementsPerStep; i++) {
      const auto* ahead = row + (stepsAhead * Source::elementsPerStep + i) * a.step;
      __builtin_prefetch(ahead + starts[0]);
      __builtin_prefetch(ahead + starts[last - first] - 1);
    }
    for (int64_t tile = 0; tile < last - first; tile++) {
      const int64_t start = starts[tile];
      const int height = static_cast<int>(starts[tile + 1] - start);
      float* cell = to + start * steps + s * height;
      const int count = tiles.rows - start >= lanes ? lanes : height;
      const Vec x = Source::across(row + start, a.step, depth - k, count);
      // A whole vector as long as it stays within the tile, whose next steps overwrite the surplus.
      if ((steps - s) * height >= lanes) store(cell, x);
      else storeFirst(cell, x, height);
    }
  }
}

template <class Source>
void packTilesFrom(Operand a, int64_t rows, int64_t depth, float* to) {
  const RowTiles tiles(rows);
  if (a.transposed) {
    for (int64_t tile = 0; tile < tiles.count; tile += packedTogether) {
      packTilesAcross<Source>(a, tiles, tile, smaller(tiles.count, tile + packedTogether), depth, to);
    }
    return;
  }
  for (int64_t tile = 0; tile < tiles.count; tile++) {
    const int64_t start = tiles.start(tile);
    const int height = tiles.height(tile);
    const auto* x = static_cast<const typename Source::Element*>(a.start) + start * a.step;
    float* packed = to + start * stepsOf<Source>(depth);
    if (height == tileRows) packTransposing<Source>(x, a.step, tileRows, depth, packed, tileRows);
    else packTransposing<Source>(x, a.step, height, depth, packed, height);
  }
}

/** Panels next to each other, `columns` in all: k runs across memory. Columns that are missing read as 0. */
template <class Source>
void packPanelsAcross(Operand b, int64_t depth, int64_t columns, float* to) {
  const int64_t steps = stepsOf<Source>(depth);
  for (int64_t s = 0; s < steps; s++) {
    const int64_t k = s * Source::elementsPerStep;
    const auto* row = static_cast<const typename Source::Element*>(b.start) + k * b.step;
    for (int64_t j = 0; j < columns; j += tileColumns) {
      float* cell = to + j * steps + s * tileColumns;
      for (int64_t i = 0; i < tileColumns; i += lanes) {
        const int count = static_cast<int>(larger(0, smaller(lanes, columns - j - i)));
        store(cell + i, count == 0 ? zero() : Source::across(row + j + i, b.step, depth - k, count));
      }
    }
  }
}

/** One panel of Bᵀ: k runs along memory. */
template <class Source>
void packPanelAlong(Operand b, int64_t depth, int64_t columns, float* to) {
  const int64_t steps = stepsOf<Source>(depth);
  for (int64_t i = 0; i < tileColumns; i += lanes) {
    const int count = static_cast<int>(larger(0, smaller(lanes, columns - i)));
    const auto* x = static_cast<const typename Source::Element*>(b.start) + i * b.step;
    if (count == lanes) packTransposing<Source>(x, b.step, lanes, depth, to + i, tileColumns);
    else if (count > 0) packTransposing<Source>(x, b.step, count, depth, to + i, tileColumns);
    else
      for (int64_t s = 0; s < steps; s++) store(to + s * tileColumns + i, zero());
  }
}

template <class Source>
void packPanelsFrom(Operand b, int64_t depth, int64_t columns, float* to) {
  const int64_t together = b.transposed ? tileColumns : packedTogether * tileColumns;
  for (int64_t j = 0; j < columns; j += together) {
    const int64_t width = smaller(together, columns - j);
    float* packed = to + j * stepsOf<Source>(depth);
    if (b.transposed) packPanelAlong<Source>(b.at(0, j), depth, width, packed);
    else packPanelsAcross<Source>(b.at(0, j), depth, width, packed);
  }
}

/** A (rows x depth) in tiles: tile by tile, within a tile step by step, its rows side by side. May write 15 floats beyond. */
INLINE void packTiles(Operand a, int64_t rows, int64_t depth, float* to) {
  if (a.type == Stored::f32) packTilesFrom<WidenedSource<float>>(a, rows, depth, to);
  else packTilesFrom<WidenedSource<uint16_t>>(a, rows, depth, to);
}

/** B (depth x columns) in panels of tileColumns: panel by panel, within one step by step, padded with zeros. */
INLINE void packPanels(Operand b, int64_t depth, int64_t columns, float* to) {
  if (b.type == Stored::f32) packPanelsFrom<WidenedSource<float>>(b, depth, columns, to);
  else packPanelsFrom<WidenedSource<uint16_t>>(b, depth, columns, to);
}

}  // namespace
}  // namespace COMPACT_TIER
