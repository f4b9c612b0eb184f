// Right singular vectors by one-sided Jacobi. The pairs of a round have no row in common, so threads do not touch a bit.
#pragma once
#include "../storage/stored.h"
#include "../threads/parallel.h"

namespace COMPACT_TIER {
namespace {

constexpr int jacobiSweeps = 24;
constexpr float jacobiTolerance = 1e-6f;

/** Turns two rows in their plane by the smaller angle that makes them orthogonal; false where they are already. */
INLINE bool rotateRows(float* p, float* q, int64_t count) {
  const float alpha = dotProduct(p, p, count), beta = dotProduct(q, q, count), gamma = dotProduct(p, q, count);
  if (!(__builtin_fabsf(gamma) > jacobiTolerance * __builtin_sqrtf(alpha) * __builtin_sqrtf(beta))) return false;
  const float zeta = (beta - alpha) / (2.0f * gamma);
  const float tangent = (zeta < 0 ? -1.0f : 1.0f) / (__builtin_fabsf(zeta) + __builtin_sqrtf(1.0f + zeta * zeta));
  const Vec cosine = set(1.0f / __builtin_sqrtf(1.0f + tangent * tangent));
  const Vec sine = mul(cosine, set(tangent));
  forEachVec(count, [&](auto at, auto put) {
    const auto x = at(p), y = at(q);
    put(p, fnma(sine, y, mul(cosine, x)));
    put(q, fma(sine, x, mul(cosine, y)));
  });
  return true;
}

void singularVectorsKernel(Pool* pool, const compact::SingularVectorsCall& call) {
  const int64_t k = call.rows, columns = call.columns;
  float *turned = call.scratch, *lengths = turned + k, *order = lengths + k;
  const int64_t players = k + k % 2, circle = players - 1, pairs = players / 2;
  // A pair is little work; one block takes as many as an elementwise op would.
  const int64_t grain = larger(1, elementGrain / (4 * columns));
  for (int sweep = 0; sweep < jacobiSweeps; sweep++) {
    for (int64_t i = 0; i < k; i++) turned[i] = 0;
    for (int64_t round = 0; round < circle; round++) {
      parallelRanges(pool, pairs, grain, [&](int64_t begin, int64_t end) {
        for (int64_t pair = begin; pair < end; pair++) {
          const int64_t a = pair == 0 ? players - 1 : (round + pair) % circle;
          const int64_t b = (round + circle - pair) % circle;
          const int64_t p = smaller(a, b), q = larger(a, b);
          if (q < k && rotateRows(call.x + p * columns, call.x + q * columns, columns)) turned[p] = 1;
        }
      });
    }
    bool any = false;
    for (int64_t i = 0; i < k; i++) any = any || turned[i] != 0;
    if (!any) break;
  }
  for (int64_t i = 0; i < k; i++) {
    lengths[i] = __builtin_sqrtf(dotProduct(call.x + i * columns, call.x + i * columns, columns));
  }
  // Ranks by counting: the lower index comes first where two are equally long.
  for (int64_t i = 0; i < k; i++) {
    int64_t before = 0;
    for (int64_t j = 0; j < k; j++) before += lengths[j] > lengths[i] || (lengths[j] == lengths[i] && j < i) ? 1 : 0;
    order[before] = static_cast<float>(i);
  }
  withStorage(call.outStored, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    for (int64_t i = 0; i < call.wanted; i++) {
      const int64_t row = static_cast<int64_t>(order[i]);
      const float *x = call.x + row * columns, length = lengths[row];
      T* out = from<T>(call.out, i * columns);
      const Vec inverse = set(length > 0 ? 1.0f / length : 0.0f);
      forEachVec(columns, [&](auto at, auto put) { put(out, mul(inverse, at(x))); });
    }
  });
}

}  // namespace
}  // namespace COMPACT_TIER
