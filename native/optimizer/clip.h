// Global gradient norm: squaredNorm adds Σ x² of one tensor to out [1], clipFactor turns the total into a factor [1].
#pragma once
#include "../calls.h"
#include "../threads/parallel.h"

namespace COMPACT_TIER {
namespace {

/** Elements of one partial sum; `normBlockElements` of the contract. */
constexpr int64_t normBlockElements = 16384;

/** out += Σ x²: one partial sum per block, added in block order. */
void squaredNormKernel(Pool* pool, const compact::SquaredNormCall& call) {
  const int64_t blocks = ceilDiv(call.count, normBlockElements);
  parallelBlocks(pool, blocks, [&](int64_t block, int) {
    const float* x = call.x + block * normBlockElements;
    call.scratch[block] = dotProduct(x, x, smaller(normBlockElements, call.count - block * normBlockElements));
  });
  double sum = static_cast<double>(*call.out);
  for (int64_t block = 0; block < blocks; block++) sum += static_cast<double>(call.scratch[block]);
  *call.out = static_cast<float>(sum);
}

/** out = min(1, maxNorm / (√squaredNorm + 1e-6)). */
void clipFactorKernel(Pool*, const compact::ClipFactorCall& call) {
  const double factor = call.maxNorm / (__builtin_sqrt(static_cast<double>(*call.squaredNorm)) + 1e-6);
  // Written so that a NaN norm gives a NaN factor instead of hiding behind 1.
  *call.out = static_cast<float>(factor >= 1.0 ? 1.0 : factor);
}

}  // namespace
}  // namespace COMPACT_TIER
