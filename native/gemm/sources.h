// How the elements of an operand become the steps of a packed one: as they are, or widened to f32.
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

/** One element of k a step. A step of the packed operand always takes the room of one float. */
template <class Float>
struct WidenedSource {
  using Element = Float;
  static constexpr int64_t elementsPerStep = 1;

  /** 16 steps of one row (column) of the operand, of which `elements` <= 16 exist; k runs along memory. */
  INLINE Vec along(const Element* from, int64_t elements) {
    return elements >= lanes ? load(from) : loadFirst(from, static_cast<int>(elements));
  }
  /** One step of `count` <= 16 rows (columns) that lie side by side; k runs across memory. */
  INLINE Vec across(const Element* from, int64_t, int64_t, int count) {
    return count == lanes ? load(from) : loadFirst(from, count);
  }
};

}  // namespace
}  // namespace COMPACT_TIER
