// f32 -> bf16 up or down by chance, right in the mean: small changes of a bf16 number are not lost. Which random bits an element
// is rounded with is said in src/engine/contract/optimizer.ts.
#pragma once
#include "../random/threefry.h"
#include "../storage/stored.h"

namespace COMPACT_TIER {
namespace {

/** Streams of a key; `roundingStreams` of the contract. */
constexpr uint32_t weightStream = 0, firstMomentStream = 1, secondMomentStream = 2;

/** Elements that one call of the generator serves. */
constexpr int64_t roundedTogether = 4 * lanes;

/** Random bits of one stream for 64 elements. */
struct RoundingBits {
  Words words[2];

  /** @param element the first of the 64, a multiple of 64 */
  RoundingBits(compact::RoundingKey key, uint32_t stream, int64_t element) {
    words[0] = add(setWords(static_cast<uint32_t>(element / 4)), laneIndex());
    words[1] = setWords(stream);
    threefry(key.key0, key.key1, words[0], words[1]);
  }
};

/** The upper halves of x + r·2^-16 units; NaN becomes 0x7fc0, and infinity has no lower half to carry from. */
INLINE Words roundedByChance(Vec x, Words random) {
  const Words bits = asWords(x);
  const Words rounded = shiftRight<16>(add(bits, random));
  const Mask nan = lessSigned(setWords(0x7f800000), bitAnd(bits, setWords(0x7fffffff)));
  return select(nan, setWords(0x7fc0), rounded);
}

/** The first `count` of sixteen elements. */
template <class T>
INLINE Vec loadSome(const T* from, int count) {
  return count == lanes ? load(from) : loadFirst(from, count);
}
template <class T>
INLINE void storeSome(T* to, Vec x, int count) {
  if (count == lanes) store(to, x);
  else storeFirst(to, x, count);
}

/** Group `part` of the 64 elements into the type that they are stored in: bf16 by chance, f32 as it is. */
INLINE void storeByChance(float* to, Vec x, int count, const RoundingBits&, int) { storeSome(to, x, count); }
INLINE void storeByChance(uint16_t* to, Vec x, int count, const RoundingBits& bits, int part) {
  const Words word = bits.words[part / 2];
  const Words halves = roundedByChance(x, part % 2 == 0 ? bitAnd(word, setWords(0xffff)) : shiftRight<16>(word));
  if (count == lanes) storeHalves(to, halves);
  else storeFirstHalves(to, halves, count);
}

/** body(first, count) for each 64 elements of [begin, end); `begin` is a multiple of 64. */
template <class Body>
INLINE void forEachRounded(int64_t begin, int64_t end, const Body& body) {
  for (int64_t first = begin; first < end; first += roundedTogether) {
    body(first, static_cast<int>(smaller(roundedTogether, end - first)));
  }
}

/** body(offset, count, part) for the groups of sixteen among `count` <= 64 elements. */
template <class Body>
INLINE void forEachGroup(int count, const Body& body) {
  if (count == roundedTogether) {
#pragma GCC unroll 4
    for (int part = 0; part < 4; part++) body(part * lanes, lanes, part);
  } else {
    for (int part = 0; part * lanes < count; part++) {
      body(part * lanes, static_cast<int>(smaller(lanes, count - part * lanes)), part);
    }
  }
}

}  // namespace
}  // namespace COMPACT_TIER
