// Adam's direction with one second moment per block of rows, or per column.
#pragma once
#include "../calls.h"
#include "../threads/parallel.h"
#include "adam.h"
#include "squares.h"

namespace COMPACT_TIER {
namespace {

/** v ← β2·v + (1−β2)·Σg²/count. */
INLINE void updateBlockMoment(const compact::AdamNumbers& adam, double sumOfSquares, int64_t count, float* v) {
  const double mean = sumOfSquares / static_cast<double>(count);
  *v = static_cast<float>(adam.beta2 * static_cast<double>(*v) + (1.0 - adam.beta2) * mean);
}

/** M ← β1·M + (1−β1)·g and gradient ← factor·M̂/(√v̂ + ε) over elements whose second moments `second` gives. */
template <class T, class Second>
INLINE void adamMiniRange(const AdamConstants& c, Vec factor, T* gradient, float* m, int64_t count, const Second& second) {
  forEachVec(count, [&](auto at, auto put) {
    const auto first = fma(c.beta1, at(m), mul(c.rest1, mul(at(gradient), c.gradientScale)));
    const auto root = squareRoot(mul(second(at), c.inverse2));
    put(m, first);
    put(gradient, mul(factor, div(mul(first, c.inverse1), add(root, c.epsilon))));
  });
}

template <class T>
void adamMiniByRows(Pool* pool, const compact::AdamMiniDirectionCall& call) {
  const AdamConstants constants(call.adam);
  const Vec factor = set(static_cast<float>(call.factor));
  const int64_t size = call.adam.count / call.blocks;
  parallelRanges(pool, call.blocks, rowGrain(size), [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; block++) {
      T* gradient = from<T>(call.gradient, block * size);
      float *m = call.firstMoment + block * size, *v = call.secondMoment + block;
      updateBlockMoment(call.adam, rowSquares(gradient, size, constants.gradientScale), size, v);
      const Vec second = set(*v);
      adamMiniRange(constants, factor, gradient, m, size, [second](auto) { return second; });
    }
  });
}

template <class T>
void adamMiniByColumns(Pool* pool, const compact::AdamMiniDirectionCall& call) {
  const AdamConstants constants(call.adam);
  const Vec factor = set(static_cast<float>(call.factor));
  const int64_t columns = call.blocks, rows = call.adam.count / columns;
  parallelRanges(pool, columns, columnGroup, [&](int64_t begin, int64_t end) {
    double squares[columnGroup];
    columnSquares(from<T>(call.gradient, 0), rows, columns, begin, end, constants.gradientScale, squares);
    float* second = call.secondMoment + begin;
    for (int64_t j = 0; j < end - begin; j++) updateBlockMoment(call.adam, squares[j], rows, second + j);
    for (int64_t row = 0; row < rows; row++) {
      const int64_t first = row * columns + begin;
      float* m = call.firstMoment + first;
      adamMiniRange(constants, factor, from<T>(call.gradient, first), m, end - begin, [second](auto at) { return at(second); });
    }
  });
}

void adamMiniDirectionKernel(Pool* pool, const compact::AdamMiniDirectionCall& call) {
  withStorage(call.stored, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    if (call.alongColumns) adamMiniByColumns<T>(pool, call);
    else adamMiniByRows<T>(pool, call);
  });
}

}  // namespace
}  // namespace COMPACT_TIER
