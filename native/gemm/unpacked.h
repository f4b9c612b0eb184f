// Products of few rows, whose speed is that of memory: B is read once, where it lies, since packing it would take longer than
// multiplying. The steps of each sum are those of the register tile.
#pragma once
#include "ahead.h"
#include "cells.h"

namespace COMPACT_TIER {
namespace {

/** Most rows for which this pays. */
constexpr int unpackedRows = tileRows < 8 ? tileRows : 8;

/** Vectors of columns beside `rows` rows, so that all sums stay in registers. */
constexpr int wideVecs(int rows) {
  const int vecs = tileRows * tileVecs / rows;
  return vecs > 16 ? 16 : vecs;
}

/** Rows of B that are asked for in advance where k runs across memory. */
constexpr int64_t rowsAhead = 12;

/** sums [rows][wideVecs·16] = A·B for one packed tile of A; the same steps as multiplyTile. */
template <class Source, class Products, int rows>
void multiplyWide(const float* a, Operand b, int64_t depth, float* sums) {
  constexpr int vecs = wideVecs(rows);
  using Element = typename Source::Element;
  Vec sum[rows][vecs];
#pragma GCC unroll 14
  for (int i = 0; i < rows; i++) {
#pragma GCC unroll 16
    for (int j = 0; j < vecs; j++) sum[i][j] = zero();
  }
  const Element* row = static_cast<const Element*>(b.start);
  for (int64_t k = 0; k < depth; k += Source::elementsPerStep) {
#pragma GCC unroll 16
    for (int j = 0; j < vecs; j++) {
      __builtin_prefetch(row + rowsAhead * b.step + j * lanes);
      const Vec x = Source::across(row + j * lanes, b.step, depth - k, lanes);
#pragma GCC unroll 14
      for (int i = 0; i < rows; i++) sum[i][j] = Products::multiplyAdd(set(a[i]), x, sum[i][j]);
    }
    a += rows;
    row += Source::elementsPerStep * b.step;
  }
#pragma GCC unroll 14
  for (int i = 0; i < rows; i++) {
#pragma GCC unroll 16
    for (int j = 0; j < vecs; j++) store(sums + (i * vecs + j) * lanes, sum[i][j]);
  }
}

/** sums [rows][16] = A·B for 16 columns of a B whose k runs along memory: transposed in registers, block by block. */
template <class Source, class Products, int rows>
void multiplyAlong(const float* a, Operand b, int64_t depth, float* sums, Ahead& ahead) {
  constexpr int64_t perBlock = lanes * Source::elementsPerStep;
  Vec sum[rows];
#pragma GCC unroll 14
  for (int i = 0; i < rows; i++) sum[i] = zero();
  alignas(64) float block[lanes * lanes];
  const auto* x = static_cast<const typename Source::Element*>(b.start);
  for (int64_t k = 0; k < depth; k += perBlock) {
    const int64_t left = smaller(perBlock, depth - k);
    for (int i = 0; i < lanes; i++) fetchLine(ahead);
    if (left == perBlock) {
      transposeBlock([&](int i) { return Source::along(x + i * b.step + k, perBlock); }, lanes, lanes, block, lanes);
    } else {
      transposeBlock([&](int i) { return Source::along(x + i * b.step + k, left); }, lanes, lanes, block, lanes);
    }
    const int64_t steps = stepsOf<Source>(left);
    for (int64_t s = 0; s < steps; s++, a += rows) {
#pragma GCC unroll 14
      for (int i = 0; i < rows; i++) sum[i] = Products::multiplyAdd(set(a[i]), load(block + s * lanes), sum[i]);
    }
  }
#pragma GCC unroll 14
  for (int i = 0; i < rows; i++) store(sums + i * lanes, sum[i]);
}

template <class Source, class Products, int rows>
struct GroupTable {
  /** See multiplyGroups. */
  static int64_t call(int wanted, const float* a, Operand b, int64_t depth, int64_t columns, const Cells& base,
                      const Cells& to) {
    if (wanted != rows) return GroupTable<Source, Products, rows - 1>::call(wanted, a, b, depth, columns, base, to);
    constexpr int widest = wideVecs(rows) * lanes;
    const int64_t bytes = compact::bytesOf(b.type);
    const int width = b.transposed ? lanes : widest;
    alignas(64) float sums[rows * widest];
    int64_t done = 0;
    for (; done + width <= columns; done += width) {
      const Operand group = b.at(0, done);
      if (b.transposed) {
        // What the group after the next one will read.
        const Operand later = group.at(0, 2 * lanes);
        Ahead ahead(later.start, b.step * bytes, depth * bytes, done + 3 * lanes <= columns ? lanes : 0);
        multiplyAlong<Source, Products, rows>(a, group, depth, sums, ahead);
      } else {
        multiplyWide<Source, Products, rows>(a, group, depth, sums);
      }
      finishTile(sums, width, rows, width, base.at(0, done), to.at(0, done));
    }
    return done;
  }
};
template <class Source, class Products>
struct GroupTable<Source, Products, 0> {
  static int64_t call(int, const float*, Operand, int64_t, int64_t, const Cells&, const Cells&) { return 0; }
};

/** to = base + A·B for the first columns, as many as fill whole groups of columns; returns how many. A: one packed tile. */
template <class Source, class Products>
INLINE int64_t multiplyGroups(int rows, const float* a, Operand b, int64_t depth, int64_t columns, const Cells& base,
                              const Cells& to) {
  return GroupTable<Source, Products, unpackedRows>::call(rows, a, b, depth, columns, base, to);
}

}  // namespace
}  // namespace COMPACT_TIER
