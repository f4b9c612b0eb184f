// The tokens of a batch in the order of their ids, those of one id in their own order.
#pragma once
#include <cstdint>

#include "../simd/simd.h"

namespace COMPACT_TIER {
namespace {

/** Whether token a comes before token b. */
INLINE bool comesBefore(const int32_t* ids, int32_t a, int32_t b) { return ids[a] != ids[b] ? ids[a] < ids[b] : a < b; }

INLINE void siftDown(const int32_t* ids, int32_t* heap, int64_t root, int64_t count) {
  const int32_t token = heap[root];
  for (int64_t child = 2 * root + 1; child < count; child = 2 * root + 1) {
    if (child + 1 < count && comesBefore(ids, heap[child], heap[child + 1])) child++;
    if (!comesBefore(ids, token, heap[child])) break;
    heap[root] = heap[child];
    root = child;
  }
  heap[root] = token;
}

/** Heap sort: needs no memory beside `order`, and no case is slow. */
INLINE void sortTokens(const int32_t* ids, int64_t count, int32_t* order) {
  for (int64_t i = 0; i < count; i++) order[i] = static_cast<int32_t>(i);
  for (int64_t root = count / 2 - 1; root >= 0; root--) siftDown(ids, order, root, count);
  for (int64_t end = count - 1; end > 0; end--) {
    const int32_t last = order[end];
    order[end] = order[0];
    order[0] = last;
    siftDown(ids, order, 0, end);
  }
}

}  // namespace
}  // namespace COMPACT_TIER
