// The dynamic 8-bit codes of block-wise optimizer states; src/engine/dynamic-codes.ts has the definition.
#pragma once
#include <cstdint>

#include "../simd/simd.h"

namespace COMPACT_TIER {
namespace {

/** Octaves below 1 that the search distinguishes; every code above 0 lies within them. */
constexpr int codeOctaves = 23;
/** Parts of an octave: the seven bits of the mantissa that stand beside the exponent. */
constexpr int octaveParts = 128;
constexpr int codeKeys = codeOctaves * octaveParts + 1;

/**
 * 0, the positive values below 1 and 1, in ascending order, and how to find the nearest one: no interval of magnitudes with
 * the same upper sixteen bits has more than one boundary between codes, so a table and one comparison do.
 */
template <int count>
struct Magnitudes {
  float values[count];
  /** boundaries[i] lies half-way between values i and i + 1; the last one is out of reach. */
  float boundaries[count];
  /** Index of the nearest value at the interval's lower end; as wide as the key, so that compilers look up whole vectors. */
  int32_t first[codeKeys];
};

template <int count>
constexpr Magnitudes<count> makeMagnitudes(int extraBits) {
  constexpr double powers[] = {1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1};
  Magnitudes<count> m{};
  int next = 1;
  for (int decade = 0; decade < 7; decade++) {
    const int steps = 1 << (decade + extraBits);
    for (int k = 0; k < steps; k++) {
      m.values[next++] = static_cast<float>(powers[decade] * (0.1 + (0.9 * (k + 0.5)) / steps));
    }
  }
  m.values[next] = 1.0f;
  for (int i = 0; i + 1 < count; i++) {
    m.boundaries[i] = static_cast<float>((static_cast<double>(m.values[i]) + static_cast<double>(m.values[i + 1])) / 2);
  }
  m.boundaries[count - 1] = 2.0f;
  double octave = 1.0 / (1 << codeOctaves);
  int nearest = 0;
  for (int key = 0; key < codeKeys; key++) {
    const double lower = key == 0 ? 0 : octave * (1 + static_cast<double>(key % octaveParts) / octaveParts);
    while (static_cast<double>(m.boundaries[nearest]) < lower) nearest++;
    m.first[key] = nearest;
    if (key % octaveParts == octaveParts - 1) octave *= 2;
  }
  return m;
}

/** Signed codes: 127 − i for −values[i], 127 + i for values[i]; 1 has no negative. */
constexpr int signedZero = 127;
constexpr Magnitudes<129> signedMagnitudes = makeMagnitudes<129>(0);
constexpr Magnitudes<256> unsignedMagnitudes = makeMagnitudes<256>(1);

struct SignedValues {
  float of[256];
};
constexpr SignedValues makeSignedValues() {
  SignedValues table{};
  for (int i = 0; i < 129; i++) {
    table.of[signedZero + i] = signedMagnitudes.values[i];
    if (i < 128) table.of[signedZero - i] = -signedMagnitudes.values[i];
  }
  return table;
}
constexpr SignedValues signedValues = makeSignedValues();

/**
 * Index of the value nearest to a magnitude in [0, 1], given by its bits; anything else, NaN too, gives some index. Positive floats
 * are ordered as their bits are, so that everything here is integers without a branch: signs and sizes are unpredictable.
 */
template <int count>
INLINE int32_t nearestMagnitude(const Magnitudes<count>& m, int32_t magnitude) {
  constexpr int32_t firstKey = (127 - codeOctaves) * octaveParts;
  int32_t key = (magnitude >> 16) - firstKey;
  key &= ~(key >> 31);
  const int32_t beyond = codeKeys - 1 - key;
  key += beyond & (beyond >> 31);
  const int32_t nearest = m.first[key];
  int32_t boundary;
  __builtin_memcpy(&boundary, m.boundaries + nearest, sizeof boundary);
  return nearest + static_cast<int32_t>(static_cast<uint32_t>(boundary - magnitude) >> 31);
}

INLINE int32_t bitsOf(float x) {
  int32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  return bits;
}

INLINE int32_t signedCode(float x) {
  const int32_t bits = bitsOf(x), negative = bits >> 31;
  int32_t index = nearestMagnitude(signedMagnitudes, bits & 0x7fffffff);
  index -= negative & (index >> 7);  // 1 has no negative
  return signedZero + ((index ^ negative) - negative);
}

INLINE int32_t unsignedCode(float x) { return nearestMagnitude(unsignedMagnitudes, bitsOf(x) & 0x7fffffff); }

/** Codes of consecutive values. Bytes are stored in a loop of their own: they could be any memory, and no vector loop may hold that. */
template <class CodeOf>
INLINE void encodeAll(const float* x, uint8_t* codes, int64_t count, const CodeOf& codeOf) {
  constexpr int group = 64;
  int64_t i = 0;
  for (; i + group <= count; i += group) {
    int32_t code[group];
    for (int j = 0; j < group; j++) code[j] = codeOf(x[i + j]);
    for (int j = 0; j < group; j++) codes[i + j] = static_cast<uint8_t>(code[j]);
  }
  for (; i < count; i++) codes[i] = static_cast<uint8_t>(codeOf(x[i]));
}

}  // namespace
}  // namespace COMPACT_TIER
