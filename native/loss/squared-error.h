// loss += scale·Σ (p − t)², dp = 2·scale·(p − t). Predictions are few: one per sequence.
#pragma once
#include "../storage/stored.h"

namespace COMPACT_TIER {
namespace {

/** dPredictions may be predictions. */
void squaredErrorKernel(Pool*, const compact::SquaredErrorCall& call) {
  double sum = 0;
  withStorage(call.stored, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    const T* predictions = from<T>(call.predictions, 0);
    T* dPredictions = from<T>(call.dPredictions, 0);
    for (int64_t i = 0; i < call.count; i++) {
      const double difference = static_cast<double>(valueAt(predictions + i)) - static_cast<double>(call.targets[i]);
      sum += difference * difference;
      if (dPredictions != nullptr) setValue(dPredictions + i, static_cast<float>(2.0 * call.scale * difference));
    }
  });
  *call.loss = static_cast<float>(static_cast<double>(*call.loss) + call.scale * sum);
}

}  // namespace
}  // namespace COMPACT_TIER
