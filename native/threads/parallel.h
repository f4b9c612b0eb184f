// The pool as seen from kernels: blocks given as lambdas. Included by the tier units, hence internal linkage throughout.
#pragma once
#include "../simd/simd.h"
#include "pool.h"

namespace COMPACT_TIER {
namespace {

using compact::Pool;

/** body(block, thread) for every block. */
template <class Body>
INLINE void parallelBlocks(Pool* pool, int64_t blocks, const Body& body) {
  compact::runBlocks(
      pool, blocks,
      [](void* context, int64_t block, int thread) { (*static_cast<const Body*>(context))(block, thread); },
      const_cast<Body*>(&body));
}

/** body(begin, end) over consecutive ranges of at most `grain` of `count` items. */
template <class Body>
INLINE void parallelRanges(Pool* pool, int64_t count, int64_t grain, const Body& body) {
  parallelBlocks(pool, ceilDiv(count, grain), [count, grain, &body](int64_t block, int) {
    body(block * grain, smaller(count, (block + 1) * grain));
  });
}

/** Elements of one block of an elementwise op: 64 KiB per operand, some microseconds of work. */
constexpr int64_t elementGrain = 16384;

/** Rows of one block of a row op, so that a block has about as much work as one of an elementwise op. */
INLINE int64_t rowGrain(int64_t width) { return larger(1, elementGrain / width); }

}  // namespace
}  // namespace COMPACT_TIER
