// Where products go: a matrix of f32 or bf16, perhaps transposed, and the tile that writes to it.
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
  /** Element (row, column) of the product lies at row `column`, column `row` of the matrix. */
  bool transposed;

  Cells at(int64_t row, int64_t column) const {
    if (start == nullptr) return *this;
    const int64_t offset = transposed ? column * step + row : row * step + column;
    return {static_cast<char*>(start) + offset * compact::bytesOf(type), step, type, transposed};
  }
  /** Whether the register tile itself can read or write them. */
  bool direct() const { return start == nullptr || (type == Stored::f32 && !transposed); }
};

INLINE Vec loadCells(const void* from, Stored type, int count) {
  if (type == Stored::f32) return loadFirst(static_cast<const float*>(from), count);
  return loadFirst(static_cast<const uint16_t*>(from), count);
}

/** to = base + sums for `count` <= 16 cells side by side, rounded where `to` is bf16. */
INLINE void finishCells(Vec sums, const Cells& base, const Cells& to, int count) {
  const Vec total = base.start != nullptr ? add(loadCells(base.start, base.type, count), sums) : sums;
  if (to.type == Stored::f32) storeFirst(static_cast<float*>(to.start), total, count);
  else storeFirst(static_cast<uint16_t*>(to.start), total, count);
}

/** to [rows, columns] = base + sums, whose rows lie `step` floats apart. */
void finishTile(const float* sums, int64_t step, int rows, int columns, const Cells& base, const Cells& to) {
  for (int j = 0; j < columns; j += lanes) {
    const int count = static_cast<int>(smaller(lanes, columns - j));
    if (!to.transposed) {
      for (int i = 0; i < rows; i++) finishCells(load(sums + i * step + j), base.at(i, j), to.at(i, j), count);
      continue;
    }
    alignas(64) float block[lanes * lanes];
    transposeBlock([&](int i) { return load(sums + i * step + j); }, rows, lanes, block, lanes);
    for (int i = 0; i < count; i++) finishCells(load(block + i * lanes), base.at(0, j + i), to.at(0, j + i), rows);
  }
}

/** Asks for the cache lines of a tile. */
INLINE void fetchCells(const Cells& cells, int rows, int columns) {
  if (cells.transposed) return;
  for (int i = 0; i < rows; i++) {
    __builtin_prefetch(cells.at(i, 0).start, 1);
    __builtin_prefetch(cells.at(i, columns - 1).start, 1);
  }
}

/** to [rows, columns] = base + A·B for packed tiles of A and one panel of B; `depth` counts steps. */
template <class Products>
void multiplyToCells(const float* tiles, int64_t rows, const float* panel, int columns, int64_t depth, const Cells& base,
                     const Cells& to, Ahead* ahead) {
  TileCall tile{};
  tile.b = panel;
  tile.depth = depth;
  tile.ahead = ahead;
  if (base.direct() && to.direct()) {
    tile.c = static_cast<float*>(to.start);
    tile.cStride = to.step;
    tile.base = static_cast<const float*>(base.start);
    tile.baseStride = base.step;
    tile.columns = columns;
    multiplyPanel<Products>({tiles, 0}, rows, tile);
    return;
  }
  alignas(64) float sums[lanes * tileColumns];
  tile.c = sums;
  tile.cStride = tileColumns;
  tile.columns = tileColumns;
  const RowTiles parts(rows);
  for (int64_t index = 0; index < parts.count; index++) {
    const int64_t start = parts.start(index);
    const int height = parts.height(index);
    tile.a = tiles + start * depth;
    tile.aStride = height;
    fetchCells(to.at(start, 0), height, columns);
    if (base.start != nullptr && base.start != to.start) fetchCells(base.at(start, 0), height, columns);
    multiplyTileOf<Products>(height, tile);
    finishTile(sums, tileColumns, height, columns, base.at(start, 0), to.at(start, 0));
  }
}

}  // namespace
}  // namespace COMPACT_TIER
