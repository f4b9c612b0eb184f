// Step functions in place of an activation's derivative: a two-bit code per element, and dx = dy·level(code).
#pragma once
#include "../quantize/packed-codes.h"
#include "../storage/stored.h"
#include "../threads/parallel.h"

namespace COMPACT_TIER {
namespace {

/** How many thresholds lie below each x. */
void slopeCodesKernel(Pool* pool, const compact::SlopeCodesCall& call) {
  withStorage(call.stored, [&](auto storage) {
    const auto* values = from<typename decltype(storage)::Type>(call.x, 0);
    parallelRanges(pool, call.count, elementGrain, [&](int64_t begin, int64_t end) {
      const Words one = setWords(1), none = setWords(0);
      for (int64_t i = begin; i < end; i += lanes) {
        const int rest = static_cast<int>(smaller(lanes, end - i));
        const Vec x = rest == lanes ? load(values + i) : loadFirst(values + i, rest);
        Words code = none;
        for (const float threshold : call.thresholds) code = add(code, select(less(set(threshold), x), one, none));
        storeCodes<2>(call.codes + i / 4, code, rest);
      }
    });
  });
}

/** dx = dy·level; dx may be dy. */
void slopeBackwardKernel(Pool* pool, const compact::SlopeBackwardCall& call) {
  withStorage(call.stored, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    const T* dy = from<T>(call.dy, 0);
    T* dx = from<T>(call.dx, 0);
    parallelRanges(pool, call.count, elementGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i += lanes) {
        const int rest = static_cast<int>(smaller(lanes, end - i));
        const Words code = loadCodes<2>(call.codes + i / 4, rest);
        Vec level = set(call.levels[0]);
        for (uint32_t k = 1; k < 4; k++) level = select(lessSigned(setWords(k - 1), code), set(call.levels[k]), level);
        if (rest == lanes) store(dx + i, mul(load(dy + i), level));
        else storeFirst(dx + i, mul(loadFirst(dy + i, rest), level), rest);
      }
    });
  });
}

}  // namespace
}  // namespace COMPACT_TIER
