// f32 -> bf16 up or down by chance, right in the mean: small changes of a bf16 number are not lost. Which random bits an element
// is rounded with is said in src/engine/contract/optimizer.ts.
#pragma once
#include "../random/threefry.h"
#include "../storage/stored.h"

namespace COMPACT_TIER {
namespace {

/** Streams of a key; `roundingStreams` of the contract. */
constexpr uint32_t weightStream = 0, firstMomentStream = 1, secondMomentStream = 2;

/** Elements that are rounded together, by four calls of the generator that run at the same time. */
constexpr int64_t roundedTogether = 16 * lanes;

/** Random bits of one stream for 256 elements that are stored as T; numbers in f32 are not rounded. */
template <class T>
struct RoundingBits;

template <>
struct RoundingBits<float> {
  RoundingBits(const ThreefryKey&, uint32_t, int64_t) {}
};

template <>
struct RoundingBits<uint16_t> {
  /** One for each 32 elements. */
  Words words[8];

  /** @param element the first of the 256, a multiple of 64 */
  RoundingBits(const ThreefryKey& key, uint32_t stream, int64_t element) {
    const Words counter = add(setWords(static_cast<uint32_t>(element / 4)), laneIndex());
    FourCounters x0, x1;
    for (int i = 0; i < 4; i++) {
      x0.of[i] = add(counter, setWords(static_cast<uint32_t>(i * lanes)));
      x1.of[i] = setWords(stream);
    }
    threefryOnFour(key, x0, x1);
    for (int i = 0; i < 4; i++) {
      words[2 * i] = x0.of[i];
      words[2 * i + 1] = x1.of[i];
    }
  }
};

/** The upper halves of x + r·2^-16 units; NaN becomes 0x7fc0, and infinity has no lower half to carry from. */
INLINE Words roundedByChance(Vec x, Words random) {
  const Words bits = asWords(x);
  const Words rounded = shiftRight<16>(add(bits, random));
  const Mask nan = lessSigned(setWords(0x7f800000), bitAnd(bits, setWords(0x7fffffff)));
  return select(nan, setWords(0x7fc0), rounded);
}

/** Sixteen of 256 elements, of which `count` exist, and what loads and stores them. */
struct Group {
  int offset, count;
};
template <class T>
INLINE Vec loadSome(const T* from, Group group) {
  return group.count == lanes ? load(from + group.offset) : loadFirst(from + group.offset, group.count);
}
template <class T>
INLINE void storeSome(T* to, Vec x, Group group) {
  if (group.count == lanes) store(to + group.offset, x);
  else storeFirst(to + group.offset, x, group.count);
}

/** A group into the type that its elements are stored in: bf16 by chance, f32 as it is. */
INLINE void storeByChance(float* to, Vec x, const RoundingBits<float>&, Group group) { storeSome(to, x, group); }
INLINE void storeByChance(uint16_t* to, Vec x, const RoundingBits<uint16_t>& bits, Group group) {
  const Words word = bits.words[group.offset / (2 * lanes)];
  const bool first = group.offset % (2 * lanes) == 0;
  const Words halves = roundedByChance(x, first ? bitAnd(word, setWords(0xffff)) : shiftRight<16>(word));
  if (group.count == lanes) storeHalves(to + group.offset, halves);
  else storeFirstHalves(to + group.offset, halves, group.count);
}

#if defined(COMPACT_AVX512)
/** Thirty-two of 256 elements. */
struct WideGroup {
  int offset;
};
template <class T>
INLINE Wide loadSome(const T* from, WideGroup group) {
  return loadWide(from + group.offset);
}
template <class T>
INLINE void storeSome(T* to, Wide x, WideGroup group) {
  storeWide(to + group.offset, x);
}
INLINE void storeByChance(float* to, Wide x, const RoundingBits<float>&, WideGroup group) { storeSome(to, x, group); }
INLINE void storeByChance(uint16_t* to, Wide x, const RoundingBits<uint16_t>& bits, WideGroup group) {
  if (anyNaN(x)) {
    storeByChance(to, x.lo, bits, Group{group.offset, lanes});
    storeByChance(to, x.hi, bits, Group{group.offset + lanes, lanes});
    return;
  }
  const Words word = bits.words[group.offset / (2 * lanes)];
  const Words lo = add(asWords(x.lo), bitAnd(word, setWords(0xffff))), hi = add(asWords(x.hi), shiftRight<16>(word));
  _mm512_storeu_si512(to + group.offset, upperHalves(lo, hi));
}
#endif

/** body(first, count) for each 256 elements of [begin, end); `begin` is a multiple of 64. */
template <class Body>
INLINE void forEachRounded(int64_t begin, int64_t end, const Body& body) {
  for (int64_t first = begin; first < end; first += roundedTogether) {
    body(first, static_cast<int>(smaller(roundedTogether, end - first)));
  }
}

/** body(group) for the groups among `count` <= 256 elements. */
template <class Body>
INLINE void forEachGroup(int count, const Body& body) {
  if (count < roundedTogether) {
    for (int offset = 0; offset < count; offset += lanes) {
      body(Group{offset, static_cast<int>(smaller(lanes, count - offset))});
    }
    return;
  }
#if defined(COMPACT_AVX512)
  for (int offset = 0; offset < roundedTogether; offset += 2 * lanes) body(WideGroup{offset});
#else
  for (int offset = 0; offset < roundedTogether; offset += lanes) body(Group{offset, lanes});
#endif
}

}  // namespace
}  // namespace COMPACT_TIER
