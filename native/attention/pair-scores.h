// Scores as operands of the processor's products of pairs: probabilities and their gradients are rounded to bf16.
#pragma once
#include "../gemm/pairs.h"
#include "attention-blocks.h"

namespace COMPACT_TIER {
namespace {

using compact::attentionKeys;
using compact::attentionQueries;

/** 32 numbers as bf16, those of `first` in the lower half; denormals become 0, as the products take them. */
INLINE __m512i halvesOf(Vec first, Vec second) {
  return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(second, first));
}

/** The same with those of `first` at even places and those of `second` at odd ones: one step of two keys. */
INLINE Vec interleaved(__m512i halves) {
  alignas(64) static constexpr uint16_t order[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                                     8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  return asFloats(_mm512_permutexvar_epi16(_mm512_load_si512(order), halves));
}

/** See FloatScores. A step is two keys: what sums over keys is half as long as the scores over which it is written. */
struct PairScores {
  using Arithmetic = PairArithmetic;
  using Source = PairSource;

  struct Column {
    float* at;
    Vec even{};
    void put(int64_t key, Vec x) {
      if (key % 2 == 0) even = x;
      else store(at + key / 2 * attentionQueries, interleaved(halvesOf(even, x)));
    }
    void end(int64_t keys) {
      if (keys % 2 != 0) store(at + keys / 2 * attentionQueries, interleaved(halvesOf(even, zero())));
    }
  };

  /** Rows of keys, whose queries are summed over, have rooms of their own: over the scores they would meet some not yet read. */
  struct Gradients {
    float* slopePairs;
    uint16_t *weights, *slopes;
    Gradients(float*, float* probabilitySlopes, float* weightRoom, float* slopeRoom)
        : slopePairs(probabilitySlopes),
          weights(reinterpret_cast<uint16_t*>(weightRoom)),
          slopes(reinterpret_cast<uint16_t*>(slopeRoom)) {}

    const uint16_t* weightRows() const { return weights; }
    const uint16_t* slopeRows() const { return slopes; }

    struct Columns {
      float* slopePairs;
      uint16_t *weights, *slopes;
      Vec evenWeight{}, evenSlope{};

      void put(int64_t key, Vec weight, Vec slope) {
        if (key % 2 == 0) {
          evenWeight = weight;
          evenSlope = slope;
        } else {
          putRows(key - 1, weight, slope);
        }
      }
      void end(int64_t keys) {
        if (keys % 2 != 0) putRows(keys - 1, zero(), zero());
      }

     private:
      /** The even key `key` and the one after it, which may lie beyond the last: tiles have an even number of rows. */
      void putRows(int64_t key, Vec oddWeight, Vec oddSlope) {
        const __m512i weightHalves = halvesOf(evenWeight, oddWeight), slopeHalves = halvesOf(evenSlope, oddSlope);
        store(slopePairs + key / 2 * attentionQueries, interleaved(slopeHalves));
        putRow(weights + key * attentionQueries, weightHalves);
        putRow(slopes + key * attentionQueries, slopeHalves);
      }
      INLINE void putRow(uint16_t* row, __m512i halves) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(row), _mm512_castsi512_si256(halves));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(row + attentionQueries), _mm512_extracti64x4_epi64(halves, 1));
      }
    };
    Columns columns(int64_t lane) const { return {slopePairs + lane, weights + lane, slopes + lane}; }
  };
};

}  // namespace
}  // namespace COMPACT_TIER
