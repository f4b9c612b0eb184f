// ids [N], table [V, n], out and dy [N, n]. The binding has checked that ids lie in [0, V).
#pragma once
#include "../storage/stored.h"
#include "../threads/parallel.h"
#include "token-order.h"

namespace COMPACT_TIER {
namespace {

/** As much of a row as makes the processor follow it. */
constexpr int64_t fetchedBytes = 256;

/**
 * Asks for the beginning of a row that is needed after the present ones. The processor's own prefetching follows a row, but cannot
 * know which comes next.
 */
INLINE void fetchRow(const void* row, int64_t bytes) {
  const int64_t end = smaller(bytes, fetchedBytes);
  for (int64_t at = 0; at < end; at += 64) __builtin_prefetch(static_cast<const char*>(row) + at);
}

/** By vectors: the C library moves rows of some kilobytes by a slow instruction. */
INLINE void copyRow(const char* from, char* to, int64_t bytes) {
  constexpr int64_t width = 64;
  int64_t at = 0;
  for (; at + width <= bytes; at += width) __builtin_memcpy(to + at, from + at, width);
  __builtin_memcpy(to + at, from + at, static_cast<size_t>(bytes - at));
}

/** out[i] = table[ids[i]]. */
void embeddingKernel(Pool* pool, const compact::EmbeddingCall& call) {
  const int64_t rowBytes = call.width * compact::bytesOf(call.stored);
  const char* table = static_cast<const char*>(call.table);
  char* out = static_cast<char*>(call.out);
  parallelRanges(pool, call.tokens, rowGrain(call.width), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      if (i + 2 < call.tokens) fetchRow(table + call.ids[i + 2] * rowBytes, rowBytes);
      copyRow(table + call.ids[i] * rowBytes, out + i * rowBytes, rowBytes);
    }
  });
}

/** Columns of one block of work: wide enough to follow memory, narrow enough to share a row that many tokens name. */
constexpr int64_t embeddingStripe = 512;

/**
 * dTable[ids[i]] += dy[i]: all tokens of an id one after the other, so that its row is read, rounded and written once. A block
 * of the sorted tokens owns the ids that begin in it: each row is summed in one order, without atomics.
 */
void embeddingBackwardKernel(Pool* pool, const compact::EmbeddingBackwardCall& call) {
  const int64_t width = call.width, tokens = call.tokens;
  const int32_t* const ids = call.ids;
  const int32_t* const order = sortTokens(ids, tokens, call.room);
  const auto idAt = [&](int64_t position) { return ids[order[position]]; };
  const int64_t stripes = ceilDiv(width, embeddingStripe), grain = rowGrain(smaller(width, embeddingStripe));
  withStorage(call.stored, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    const T* dy = from<T>(call.dy, 0);
    parallelBlocks(pool, ceilDiv(tokens, grain) * stripes, [&](int64_t block, int) {
      const int64_t left = block % stripes * embeddingStripe, columns = smaller(embeddingStripe, width - left);
      const int64_t begin = block / stripes * grain, end = smaller(tokens, begin + grain);
      const int64_t bytes = columns * static_cast<int64_t>(sizeof(T));
      int64_t first = begin;
      while (first > 0 && first < end && idAt(first) == idAt(first - 1)) first++;
      for (int64_t last = first; first < end; first = last) {
        const int32_t id = idAt(first);
        while (last < tokens && idAt(last) == id) last++;
        if (last < tokens) {
          fetchRow(dy + order[last] * width + left, bytes);
          fetchRow(from<T>(call.dTable, idAt(last) * width + left), bytes);
        }
        T* row = from<T>(call.dTable, id * width + left);
        forEachVec(columns, [&](auto at, auto put) {
          auto sum = at(row);
          for (int64_t i = first; i < last; i++) sum = add(sum, at(dy + order[i] * width + left));
          put(row, sum);
        });
      }
    });
  });
}

}  // namespace
}  // namespace COMPACT_TIER
