// Adam's direction with both moments in 8 bits, block by block: decode, update in f32, encode again.
#pragma once
#include "../calls.h"
#include "../threads/parallel.h"
#include "adam.h"
#include "dynamic-codes.h"

namespace COMPACT_TIER {
namespace {

/** `most8bitBlock` of the contract. */
constexpr int64_t most8bitBlock = 4096;

/** Divisor that makes magnitudes relative to the largest one; they are all 0 where that is. */
INLINE Vec divisorOf(float scale) { return set(scale > 0 ? scale : 1.0f); }

/** One block: m and v are room for its moments. */
template <class T>
INLINE void adam8bitBlock(const compact::Adam8bitDirectionCall& call, const AdamConstants& constants, Vec factor, int64_t block,
                          float* m, float* v) {
  const int64_t begin = block * call.blockSize, count = smaller(call.blockSize, call.adam.count - begin);
  T* gradient = from<T>(call.gradient, begin);
  uint8_t *firstCodes = call.firstCodes + begin, *secondCodes = call.secondCodes + begin;
  for (int64_t i = 0; i < count; i++) {
    m[i] = signedValues.of[firstCodes[i]];
    v[i] = unsignedMagnitudes.values[secondCodes[i]];
  }
  const Vec firstScale = set(call.firstScales[block]), secondScale = set(call.secondScales[block]);
  Vec largestFirst = zero(), largestSecond = zero();
  forEachSixteen(count, [&](auto at, auto put) {
    Vec first = mul(at(m), firstScale), second = mul(at(v), secondScale);
    const Vec direction = adamDirectionOf(constants, at(gradient), first, second);
    put(gradient, mul(factor, direction));
    put(m, first);
    put(v, second);
    largestFirst = max(largestFirst, magnitude(first));
    largestSecond = max(largestSecond, second);
  });
  call.firstScales[block] = reduceMax(largestFirst);
  call.secondScales[block] = reduceMax(largestSecond);
  const Vec firstDivisor = divisorOf(call.firstScales[block]), secondDivisor = divisorOf(call.secondScales[block]);
  const Vec least = set(unsignedMagnitudes.values[1]);
  forEachVec(count, [&](auto at, auto put) {
    put(m, div(at(m), firstDivisor));
    // A positive second moment never becomes 0, not even one that the division loses.
    const auto second = div(at(v), secondDivisor);
    put(v, select(less(zero(), at(v)), max(second, least), second));
  });
  encodeAll(m, firstCodes, count, [](float x) { return signedCode(x); });
  encodeAll(v, secondCodes, count, [](float x) { return unsignedCode(x); });
}

/** gradient ← factor·U. */
void adam8bitDirectionKernel(Pool* pool, const compact::Adam8bitDirectionCall& call) {
  const AdamConstants constants(call.adam);
  const Vec factor = set(static_cast<float>(call.factor));
  const int64_t blocks = ceilDiv(call.adam.count, call.blockSize);
  parallelRanges(pool, blocks, larger(1, elementGrain / call.blockSize), [&](int64_t begin, int64_t end) {
    alignas(64) float m[most8bitBlock], v[most8bitBlock];
    withStorage(call.stored, [&](auto storage) {
      using T = typename decltype(storage)::Type;
      for (int64_t block = begin; block < end; block++) adam8bitBlock<T>(call, constants, factor, block, m, v);
    });
  });
}

}  // namespace
}  // namespace COMPACT_TIER
