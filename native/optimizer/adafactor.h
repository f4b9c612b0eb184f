// Adafactor's direction: a second moment in row and column factors (or whole, for vectors), relative step, clipping by RMS.
#pragma once
#include "../calls.h"
#include "../threads/parallel.h"
#include "squares.h"

namespace COMPACT_TIER {
namespace {

/** moment ← β·moment + (1−β)·mean. */
INLINE void moveMoment(const compact::AdafactorDirectionCall& call, double mean, float* moment) {
  *moment = static_cast<float>(call.decay * static_cast<double>(*moment) + (1.0 - call.decay) * mean);
}

INLINE float inverseRoot(double x) { return static_cast<float>(1.0 / __builtin_sqrt(x)); }

/** Updates both factors; leaves 1/√(R_i/mean R) and 1/√C_j. */
template <class T>
INLINE void adafactorFactors(Pool* pool, const compact::AdafactorDirectionCall& call, Vec gradientScale, float* ofRow,
                             float* ofColumn) {
  const int64_t rows = call.rows, columns = call.columns;
  const T* gradient = from<T>(call.gradient, 0);
  parallelRanges(pool, rows, rowGrain(columns), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const double squares = rowSquares(gradient + i * columns, columns, gradientScale);
      moveMoment(call, squares / static_cast<double>(columns) + call.epsilon, call.rowMoment + i);
    }
  });
  parallelRanges(pool, columns, columnGroup, [&](int64_t begin, int64_t end) {
    double squares[columnGroup];
    columnSquares(gradient, rows, columns, begin, end, gradientScale, squares);
    for (int64_t j = begin; j < end; j++) {
      moveMoment(call, squares[j - begin] / static_cast<double>(rows) + call.epsilon, call.columnMoment + j);
      ofColumn[j] = inverseRoot(static_cast<double>(call.columnMoment[j]));
    }
  });
  double sum = 0;
  for (int64_t i = 0; i < rows; i++) sum += static_cast<double>(call.rowMoment[i]);
  const double mean = sum / static_cast<double>(rows);
  for (int64_t i = 0; i < rows; i++) ofRow[i] = inverseRoot(static_cast<double>(call.rowMoment[i]) / mean);
}

/** Updates a second moment per element. */
template <class T>
INLINE void adafactorVector(Pool* pool, const compact::AdafactorDirectionCall& call, Vec gradientScale) {
  const Vec decay = set(static_cast<float>(call.decay)), rest = set(static_cast<float>(1.0 - call.decay));
  const Vec epsilon = set(static_cast<float>(call.epsilon));
  parallelRanges(pool, call.count, elementGrain, [&](int64_t begin, int64_t end) {
    const T* gradient = from<T>(call.gradient, begin);
    float* moment = call.secondMoment + begin;
    forEachVec(end - begin, [&](auto at, auto put) {
      const auto g = mul(at(gradient), gradientScale);
      put(moment, fma(decay, at(moment), mul(rest, fma(g, g, epsilon))));
    });
  });
}

/**
 * u = g/√v̂ of elements [begin, end): body(first, last, update) for each run of them within one row, where update(at) gives u of what
 * `at` loads. It is made twice, for its size and for the update, so that a bf16 gradient is rounded once.
 */
template <class T, class Body>
INLINE void forEachUpdate(const compact::AdafactorDirectionCall& call, Vec gradientScale, int64_t begin, int64_t end,
                          const Body& body) {
  const T* gradient = from<T>(call.gradient, 0);
  if (call.secondMoment != nullptr) {
    const float* moment = call.secondMoment + begin;
    return body(begin, end, [=](auto at) {
      // Roots are 0 in the lanes beyond the end; those of positive numbers are never below 1e-23.
      const auto root = squareRoot(at(moment)), divisor = select(less(root, set(1e-30f)), set(1.0f), root);
      return div(mul(at(gradient + begin), gradientScale), divisor);
    });
  }
  const float *ofRow = call.scratch, *ofColumn = call.scratch + call.rows;
  for (int64_t first = begin; first < end;) {
    const int64_t row = first / call.columns, last = smaller(end, (row + 1) * call.columns);
    const Vec factor = mul(set(ofRow[row]), gradientScale);
    const float* column = ofColumn + (first - row * call.columns);
    body(first, last, [=](auto at) { return mul(mul(at(gradient + first), factor), at(column)); });
    first = last;
  }
}

/** gradient ← factor · max(minimumScale, RMS(W)) / max(1, RMS(u)/clipThreshold) · u. */
template <class G, class W>
void adafactorOf(Pool* pool, const compact::AdafactorDirectionCall& call) {
  const Vec gradientScale = set(call.gradientScale != nullptr ? *call.gradientScale : 1.0f);
  if (call.secondMoment != nullptr) adafactorVector<G>(pool, call, gradientScale);
  else adafactorFactors<G>(pool, call, gradientScale, call.scratch, call.scratch + call.rows);
  float* sums = call.scratch + call.rows + call.columns;
  const double squares = sumOverBlocks(pool, call.count, sums, [&](int64_t begin, int64_t end) {
    float sum = 0;
    forEachUpdate<G>(call, gradientScale, begin, end, [&](int64_t first, int64_t last, const auto& update) {
      sum += sumOverVecs(last - first, [&](auto at, auto partial) {
        const auto u = update(at);
        return fma(u, u, partial);
      });
    });
    return sum;
  });
  const double size = __builtin_sqrt(squares / static_cast<double>(call.count)) / call.clipThreshold;
  sums += ceilDiv(call.count, normBlockElements);
  const double weightSquares = sumOfSquares(pool, from<W>(call.weight, 0), call.weightCount, sums);
  const double weightSize = __builtin_sqrt(weightSquares / static_cast<double>(call.weightCount));
  // Written so that a NaN passes.
  const double clip = size <= 1.0 ? 1.0 : size, relative = weightSize <= call.minimumScale ? call.minimumScale : weightSize;
  const Vec factor = set(static_cast<float>(call.factor * relative / clip));
  parallelRanges(pool, call.count, elementGrain, [&](int64_t begin, int64_t end) {
    forEachUpdate<G>(call, gradientScale, begin, end, [&](int64_t first, int64_t last, const auto& update) {
      G* out = from<G>(call.gradient, first);
      forEachVec(last - first, [&](auto at, auto put) { put(out, mul(factor, update(at))); });
    });
  });
}

void adafactorDirectionKernel(Pool* pool, const compact::AdafactorDirectionCall& call) {
  withStorage(call.gradientStored, [&](auto gradient) {
    withStorage(call.weightStored, [&](auto weight) {
      adafactorOf<typename decltype(gradient)::Type, typename decltype(weight)::Type>(pool, call);
    });
  });
}

}  // namespace
}  // namespace COMPACT_TIER
