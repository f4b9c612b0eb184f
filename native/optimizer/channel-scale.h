// APOLLO's channel scaling and the limiter of the norm's growth.
#pragma once
#include "../storage/stored.h"
#include "../threads/parallel.h"
#include "clip.h"

namespace COMPACT_TIER {
namespace {

constexpr float lengthEpsilon = 1e-8f;

INLINE Vec scaleOf(Vec before, Vec after) {
  return div(squareRoot(after), add(squareRoot(before), set(lengthEpsilon)));
}

/** factors[0 .. count) of columns: squares are summed row by row, from the first to the last. */
template <class R>
INLINE void columnFactors(const compact::ChannelScaleCall& call, int64_t begin, int64_t end, float* factors) {
  for (int64_t j = begin; j < end; j += lanes) {
    const int count = static_cast<int>(smaller(lanes, end - j));
    Vec before = zero(), after = zero();
    for (int64_t row = 0; row < call.projectedRows; row++) {
      const int64_t at = row * call.projectedColumns + j;
      const Vec r = loadFirst(from<R>(call.projected, at), count), u = loadFirst(from<R>(call.direction, at), count);
      before = fma(r, r, before);
      after = fma(u, u, after);
    }
    storeFirst(factors + j, scaleOf(before, after), count);
  }
}

/** ‖U_j‖/(‖R_j‖ + 1e-8) of each channel. */
template <class R>
void channelFactors(Pool* pool, const compact::ChannelScaleCall& call) {
  using compact::Channels;
  float* factors = call.scratch;
  const int64_t width = call.projectedColumns;
  if (call.channels == Channels::columns) {
    parallelRanges(pool, width, larger(lanes, roundUp(rowGrain(call.projectedRows), lanes)),
                   [&](int64_t begin, int64_t end) { columnFactors<R>(call, begin, end, factors); });
    return;
  }
  const bool rows = call.channels == Channels::rows;
  const int64_t length = rows ? width : call.projectedRows * width;
  parallelRanges(pool, rows ? call.projectedRows : 1, rowGrain(length), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const R *r = from<R>(call.projected, i * length), *u = from<R>(call.direction, i * length);
      factors[i] = firstLane(scaleOf(set(dotProduct(r, r, length)), set(dotProduct(u, u, length))));
    }
  });
}

/** x_ij ← x_ij·‖U_j‖/(‖R_j‖ + 1e-8). */
void channelScaleKernel(Pool* pool, const compact::ChannelScaleCall& call) {
  using compact::Channels;
  const float* factors = call.scratch;
  withStorage(call.projectedStored, [&](auto storage) { channelFactors<typename decltype(storage)::Type>(pool, call); });
  withStorage(call.stored, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    parallelRanges(pool, call.rows, rowGrain(call.columns), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; row++) {
        T* x = from<T>(call.x, row * call.columns);
        if (call.channels == Channels::columns) {
          forEachVec(call.columns, [&](auto at, auto put) { put(x, mul(at(x), at(factors))); });
        } else {
          const Vec factor = set(factors[call.channels == Channels::rows ? row : 0]);
          forEachVec(call.columns, [&](auto at, auto put) { put(x, mul(at(x), factor)); });
        }
      }
    });
  });
}

/** x ← factor·x/λ, λ = max(‖x‖/(previous + 1e-8), 1.01)/1.01; previous ← ‖x‖/λ. */
void limitGrowthKernel(Pool* pool, const compact::LimitGrowthCall& call) {
  float squared = 0;
  squaredNormKernel(pool, {call.stored, call.x, &squared, call.count, call.scratch});
  const float norm = __builtin_sqrtf(squared), last = *call.previous;
  const float growth = norm / (last + lengthEpsilon);
  const float lambda = last > 0 ? (growth > 1.01f ? growth : 1.01f) / 1.01f : 1.0f;
  *call.previous = norm / lambda;
  const Vec factor = set(static_cast<float>(call.factor / static_cast<double>(lambda)));
  withStorage(call.stored, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    parallelRanges(pool, call.count, elementGrain, [&](int64_t begin, int64_t end) {
      T* x = from<T>(call.x, begin);
      forEachVec(end - begin, [&](auto at, auto put) { put(x, mul(factor, at(x))); });
    });
  });
}

}  // namespace
}  // namespace COMPACT_TIER
