// Fetching what the next panel needs while this one is multiplied: packing alone would wait for memory, multiplying does not.
#pragma once
#include "../simd/simd.h"

namespace COMPACT_TIER {
namespace {

/** `rows` pieces of memory of `width` bytes, `step` bytes apart, not yet fetched from `line` on; `end` ends the first piece. */
struct Ahead {
  const char* line = nullptr;
  const char* end = nullptr;
  int64_t step = 0, width = 0, rows = 0;
  /** Lines to fetch between two steps of a tile. */
  int lines = 1;

  Ahead() = default;
  Ahead(const void* start, int64_t stepBytes, int64_t widthBytes, int64_t rowCount)
      : line(static_cast<const char*>(start)), end(line + widthBytes), step(stepBytes), width(widthBytes), rows(rowCount) {}
};

/** Brings one more line into the second-level cache. */
INLINE void fetchLine(Ahead& ahead) {
  if (ahead.rows == 0) return;
  __builtin_prefetch(ahead.line, 0, 2);
  ahead.line += 64;
  if (ahead.line < ahead.end) return;
  ahead.end += ahead.step;
  ahead.line = ahead.end - ahead.width;
  ahead.rows--;
}

}  // namespace
}  // namespace COMPACT_TIER
