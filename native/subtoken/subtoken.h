// VeLoRA's sub-tokens: rows cut into pieces of `size` elements, the last one perhaps shorter.
#pragma once
#include "../storage/stored.h"
#include "../threads/parallel.h"

namespace COMPACT_TIER {
namespace {

/**
 * Sum of all sub-tokens, divided by its length. Runs once in a training run. Sums are float64, each place by itself in the order
 * of the tokens.
 */
void subtokenDirectionKernel(Pool* pool, const compact::SubtokenDirectionCall& call) {
  constexpr int64_t places = 8;
  withStorage(call.stored, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    parallelBlocks(pool, ceilDiv(call.size, places), [&](int64_t block, int) {
      const int64_t first = block * places, last = smaller(call.size, first + places);
      double sums[places] = {};
      for (int64_t token = 0; token < call.tokens; token++) {
        const T* x = from<T>(call.x, token * call.width);
        for (int64_t start = 0; start < call.width; start += call.size) {
          const int64_t end = smaller(last, call.width - start);
          for (int64_t i = first; i < end; i++) sums[i - first] += static_cast<double>(valueAt(x + start + i));
        }
      }
      for (int64_t i = first; i < last; i++) call.out[i] = static_cast<float>(sums[i - first]);
    });
  });
  double squares = 0;
  for (int64_t i = 0; i < call.size; i++) squares += static_cast<double>(call.out[i]) * static_cast<double>(call.out[i]);
  const double length = __builtin_sqrt(squares);
  if (length > 0) {
    for (int64_t i = 0; i < call.size; i++) call.out[i] = static_cast<float>(static_cast<double>(call.out[i]) / length);
  } else {
    // Sub-tokens that cancel have no direction; any unit vector is as good.
    call.out[0] = 1.0f;
  }
}

/** Z[t, g] = inner product of sub-token g with the direction. */
void subtokenProjectKernel(Pool* pool, const compact::SubtokenProjectCall& call) {
  const int64_t groups = ceilDiv(call.width, call.size);
  withStorage(call.stored, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    parallelRanges(pool, call.tokens, rowGrain(call.width), [&](int64_t begin, int64_t end) {
      for (int64_t token = begin; token < end; token++) {
        const T* x = from<T>(call.x, token * call.width);
        T* out = from<T>(call.out, token * groups);
        for (int64_t g = 0; g < groups; g++) {
          const int64_t start = g * call.size;
          setValue(out + g, dotProduct(x + start, call.direction, smaller(call.size, call.width - start)));
        }
      }
    });
  });
}

/** out[o, g·size + i] (+)= (factor·C[o, g])·v[i]. */
void subtokenExpandKernel(Pool* pool, const compact::SubtokenExpandCall& call) {
  const int64_t groups = ceilDiv(call.width, call.size);
  withStorage(call.stored, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    parallelRanges(pool, call.rows, rowGrain(call.width), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; row++) {
        for (int64_t g = 0; g < groups; g++) {
          const int64_t start = g * call.size;
          T* out = from<T>(call.out, row * call.width + start);
          const Vec coefficient = set(call.factor * call.coefficients[row * groups + g]);
          forEachVec(smaller(call.size, call.width - start), [&](auto at, auto put) {
            const auto product = mul(coefficient, at(call.direction));
            put(out, call.accumulate ? add(at(out), product) : product);
          });
        }
      }
    });
  });
}

}  // namespace
}  // namespace COMPACT_TIER
