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
INLINE void adafactorFactors(Pool* pool, const compact::AdafactorDirectionCall& call, Vec gradientScale, float* ofRow,
                             float* ofColumn) {
  const int64_t rows = call.rows, columns = call.columns;
  parallelRanges(pool, rows, rowGrain(columns), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const double squares = rowSquares(call.gradient + i * columns, columns, gradientScale);
      moveMoment(call, squares / static_cast<double>(columns) + call.epsilon, call.rowMoment + i);
    }
  });
  parallelRanges(pool, columns, columnGroup, [&](int64_t begin, int64_t end) {
    double squares[columnGroup];
    columnSquares(call.gradient, rows, columns, begin, end, gradientScale, squares);
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

/** gradient ← g/√v̂ with v̂ in factors. */
INLINE void adafactorMatrix(Pool* pool, const compact::AdafactorDirectionCall& call, Vec gradientScale) {
  float *ofRow = call.scratch, *ofColumn = call.scratch + call.rows;
  adafactorFactors(pool, call, gradientScale, ofRow, ofColumn);
  parallelRanges(pool, call.rows, rowGrain(call.columns), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      float* gradient = call.gradient + i * call.columns;
      const Vec factor = mul(set(ofRow[i]), gradientScale);
      forEachVec(call.columns, [&](auto at, auto put) { put(gradient, mul(mul(at(gradient), factor), at(ofColumn))); });
    }
  });
}

/** gradient ← g/√v with a second moment per element. */
INLINE void adafactorVector(Pool* pool, const compact::AdafactorDirectionCall& call, Vec gradientScale) {
  const Vec decay = set(static_cast<float>(call.decay)), rest = set(static_cast<float>(1.0 - call.decay));
  const Vec epsilon = set(static_cast<float>(call.epsilon));
  parallelRanges(pool, call.count, elementGrain, [&](int64_t begin, int64_t end) {
    float *gradient = call.gradient + begin, *moment = call.secondMoment + begin;
    forEachVec(end - begin, [&](auto at, auto put) {
      const Vec g = mul(at(gradient), gradientScale);
      const Vec v = fma(decay, at(moment), mul(rest, fma(g, g, epsilon)));
      put(moment, v);
      put(gradient, div(g, squareRoot(v)));
    });
  });
}

/** gradient ← factor · max(minimumScale, RMS(W)) / max(1, RMS(u)/clipThreshold) · u. */
void adafactorDirectionKernel(Pool* pool, const compact::AdafactorDirectionCall& call) {
  const Vec gradientScale = set(call.gradientScale != nullptr ? *call.gradientScale : 1.0f);
  if (call.secondMoment != nullptr) adafactorVector(pool, call, gradientScale);
  else adafactorMatrix(pool, call, gradientScale);
  float* sums = call.scratch + call.rows + call.columns;
  const double count = static_cast<double>(call.count), weights = static_cast<double>(call.weightCount);
  const double size = __builtin_sqrt(sumOfSquares(pool, call.gradient, call.count, sums) / count) / call.clipThreshold;
  sums += ceilDiv(call.count, normBlockElements);
  const double weightSize = __builtin_sqrt(sumOfSquares(pool, call.weight, call.weightCount, sums) / weights);
  // Written so that a NaN passes.
  const double clip = size <= 1.0 ? 1.0 : size, relative = weightSize <= call.minimumScale ? call.minimumScale : weightSize;
  const Vec factor = set(static_cast<float>(call.factor * relative / clip));
  parallelRanges(pool, call.count, elementGrain, [&](int64_t begin, int64_t end) {
    float* gradient = call.gradient + begin;
    forEachVec(end - begin, [&](auto at, auto put) { put(gradient, mul(factor, at(gradient))); });
  });
}

}  // namespace
}  // namespace COMPACT_TIER
