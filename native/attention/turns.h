// Turns: several threads add to the same block in an order that is fixed, whoever comes first.
#pragma once
#include <sched.h>

#include <cstdint>

#include "../simd/simd.h"

namespace COMPACT_TIER {
namespace {

/**
 * Waits until it is turn number `turn`. The pool hands out blocks in ascending order and who is waited for has the smaller
 * number, hence runs already: no two wait for each other.
 */
INLINE void awaitTurn(const int32_t* turns, int32_t turn) {
  for (int looks = 0; __atomic_load_n(turns, __ATOMIC_ACQUIRE) != turn; looks++) {
    // A thread that was put to sleep by the system may take long.
    if (looks > 4096) sched_yield();
  }
}

INLINE void passTurn(int32_t* turns, int32_t next) { __atomic_store_n(turns, next, __ATOMIC_RELEASE); }

}  // namespace
}  // namespace COMPACT_TIER
