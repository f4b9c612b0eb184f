// In what form a tile of scores becomes an operand: in f32, over the scores themselves.
#pragma once
#include "../gemm/gemm.h"
#include "attention-blocks.h"

namespace COMPACT_TIER {
namespace {

using compact::attentionKeys;
using compact::attentionQueries;

/**
 * What attention multiplies, and how sixteen queries of a tile [keys, 64] are written, key after key in ascending order. A product
 * that sums over keys takes what was written as it lies, one step a row; one that sums over queries takes its transpose.
 */
struct FloatScores {
  using Arithmetic = FloatArithmetic;
  using Source = WidenedSource<float>;

  /** Probabilities of sixteen queries. `at` is those queries' first score. */
  struct Column {
    float* at;
    void put(int64_t key, Vec x) { store(at + key * attentionQueries, x); }
    void end(int64_t) {}
  };

  /** P∘M and dS of a tile, over the scores and over do·vᵀ. */
  struct Gradients {
    float *weights, *slopes;
    Gradients(float* scores, float* probabilitySlopes, float*, float*) : weights(scores), slopes(probabilitySlopes) {}

    /** Rows of keys, 64 queries each. */
    const float* weightRows() const { return weights; }
    const float* slopeRows() const { return slopes; }

    /** Those of the sixteen queries from `lane` on. */
    struct Columns {
      Column weight, slope;
      void put(int64_t key, Vec weightOfKey, Vec slopeOfKey) {
        weight.put(key, weightOfKey);
        slope.put(key, slopeOfKey);
      }
      void end(int64_t) {}
    };
    Columns columns(int64_t lane) const { return {{weights + lane}, {slopes + lane}}; }
  };
};

}  // namespace
}  // namespace COMPACT_TIER
