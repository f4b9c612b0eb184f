// ids [N], table [V, n], out and dy [N, n]. The binding has checked that ids lie in [0, V).
#pragma once
#include "../storage/stored.h"
#include "../threads/parallel.h"
#include "token-order.h"

namespace COMPACT_TIER {
namespace {

/** out[i] = table[ids[i]]. */
void embeddingKernel(Pool* pool, const compact::EmbeddingCall& call) {
  const int64_t rowBytes = call.width * compact::bytesOf(call.stored);
  const char* table = static_cast<const char*>(call.table);
  char* out = static_cast<char*>(call.out);
  parallelRanges(pool, call.tokens, rowGrain(call.width), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      __builtin_memcpy(out + i * rowBytes, table + call.ids[i] * rowBytes, static_cast<size_t>(rowBytes));
    }
  });
}

/** Columns that one block owns in all rows of the table: each row is then summed in one order without atomics. */
constexpr int64_t embeddingStripe = 64;

/** dTable[ids[i]] += dy[i]: all tokens of an id one after the other, so that its row is read, rounded and written once. */
void embeddingBackwardKernel(Pool* pool, const compact::EmbeddingBackwardCall& call) {
  const int64_t width = call.width;
  sortTokens(call.ids, call.tokens, call.order);
  withStorage(call.stored, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    const T* dy = from<T>(call.dy, 0);
    parallelRanges(pool, width, embeddingStripe, [&](int64_t begin, int64_t end) {
      for (int64_t first = 0, last = 0; first < call.tokens; first = last) {
        const int32_t id = call.ids[call.order[first]];
        while (last < call.tokens && call.ids[call.order[last]] == id) last++;
        T* row = from<T>(call.dTable, id * width + begin);
        forEachVec(end - begin, [&](auto at, auto put) {
          Vec sum = at(row);
          for (int64_t i = first; i < last; i++) sum = add(sum, at(dy + call.order[i] * width + begin));
          put(row, sum);
        });
      }
    });
  });
}

}  // namespace
}  // namespace COMPACT_TIER
