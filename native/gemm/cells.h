// Where products go: a matrix of f32 or bf16, and the tile that writes to it.
#pragma once
#include "pack.h"
#include "tile.h"

namespace COMPACT_TIER {
namespace {

/** Part of a matrix that sums are added to or written to; `start` null = nothing. */
struct Cells {
  void* start;
  int64_t step;
  Stored type;

  Cells at(int64_t row, int64_t column) const {
    if (start == nullptr) return *this;
    return {static_cast<char*>(start) + (row * step + column) * compact::bytesOf(type), step, type};
  }
  bool directly() const { return start == nullptr || type == Stored::f32; }
};

INLINE Vec loadCells(const Cells& cells, int64_t row, int64_t column, int count) {
  const void* from = cells.at(row, column).start;
  if (cells.type == Stored::f32) return loadFirst(static_cast<const float*>(from), count);
  return loadFirst(static_cast<const uint16_t*>(from), count);
}

/** to [rows, columns] = base + sums, rounded where `to` is bf16; `sums` has rows of tileColumns. */
void finishTile(const float* sums, int rows, int columns, const Cells& base, const Cells& to) {
  for (int i = 0; i < rows; i++) {
    for (int j = 0; j < columns; j += lanes) {
      const int count = static_cast<int>(smaller(lanes, columns - j));
      const Vec sum = load(sums + i * tileColumns + j);
      const Vec total = base.start != nullptr ? add(loadCells(base, i, j, count), sum) : sum;
      void* cell = to.at(i, j).start;
      if (to.type == Stored::f32) storeFirst(static_cast<float*>(cell), total, count);
      else storeFirst(static_cast<uint16_t*>(cell), total, count);
    }
  }
}

/** to [rows, columns] = base + A·B for packed tiles of A and one panel of B. */
void multiplyToCells(const float* tiles, int64_t rows, const float* panel, int columns, int64_t depth, const Cells& base,
                     const Cells& to) {
  TileCall tile{};
  tile.b = panel;
  tile.depth = depth;
  tile.columns = columns;
  if (base.directly() && to.directly()) {
    tile.c = static_cast<float*>(to.start);
    tile.cStride = to.step;
    tile.base = static_cast<const float*>(base.start);
    tile.baseStride = base.step;
    multiplyPanel({tiles, 0}, rows, tile);
    return;
  }
  alignas(64) float sums[tileRows * tileColumns];
  tile.c = sums;
  tile.cStride = tileColumns;
  tile.columns = tileColumns;
  for (int64_t i = 0; i < rows; i += tileRows) {
    const int count = static_cast<int>(smaller(tileRows, rows - i));
    tile.a = tiles + i * depth;
    tile.aStride = count;
    multiplyTileOf(count, tile);
    finishTile(sums, count, columns, base.at(i, 0), to.at(i, 0));
  }
}

}  // namespace
}  // namespace COMPACT_TIER
