// Dropout with a mask that is a function of the key and the place alone; see the contract for the recipe.
#pragma once
#include "../storage/stored.h"
#include "../threads/parallel.h"
#include "kept.h"
#include "threefry.h"

namespace COMPACT_TIER {
namespace {

/** Up to sixteen entries of a row. */
template <class T>
INLINE void dropLanes(const compact::DropoutCall& call, int64_t at, int count, Mask kept) {
  const Vec factor = set(call.factor);
  Vec value = select(kept, mul(factor, loadFirst(from<T>(call.x, at), count)), zero());
  if (call.residual != nullptr) value = add(value, loadFirst(from<T>(call.residual, at), count));
  storeFirst(from<T>(call.out, at), value, count);
  if (call.mask == nullptr) return;
  float ones[lanes];
  store(ones, select(kept, set(1.0f), zero()));
  for (int lane = 0; lane < count; lane++) call.mask[at + lane] = static_cast<uint8_t>(ones[lane]);
}

/** out = x∘mask·factor (+ residual); out may be x or the residual. */
template <class T>
void dropoutOf(Pool* pool, const compact::DropoutCall& call) {
  const int64_t width = call.columns;
  // Twenty rounds per pair of entries: some eight times as costly as a plain load and store.
  parallelRanges(pool, call.rows, larger(1, rowGrain(width) / 8), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      for (int64_t column = 0; column < width; column += 2 * lanes) {
        Words x0 = setWords(static_cast<uint32_t>(row));
        Words x1 = add(setWords(static_cast<uint32_t>(column / 2)), laneIndex());
        threefry(call.key0, call.key1, x0, x1);
        const int64_t at = row * width + column, rest = width - column;
        // Nothing is below a threshold of 0, which keeps() cannot express.
        const Mask all = lessSigned(setWords(0), setWords(1));
        dropLanes<T>(call, at, static_cast<int>(smaller(lanes, rest)), call.threshold == 0 ? all : keeps(x0, call.threshold));
        if (rest > lanes) {
          dropLanes<T>(call, at + lanes, static_cast<int>(smaller(lanes, rest - lanes)),
                    call.threshold == 0 ? all : keeps(x1, call.threshold));
        }
      }
    }
  });
}

void dropoutKernel(Pool* pool, const compact::DropoutCall& call) {
  withStorage(call.stored, [&](auto storage) { dropoutOf<typename decltype(storage)::Type>(pool, call); });
}

/** dx = dy∘mask·factor; dx may be dy. */
void dropoutBackwardKernel(Pool* pool, const compact::DropoutBackwardCall& call) {
  withStorage(call.stored, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    const T* dy = from<T>(call.dy, 0);
    T* dx = from<T>(call.dx, 0);
    parallelRanges(pool, call.count, elementGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) setValue(dx + i, call.mask[i] == 0 ? 0.0f : call.factor * valueAt(dy + i));
    });
  });
}

}  // namespace
}  // namespace COMPACT_TIER
