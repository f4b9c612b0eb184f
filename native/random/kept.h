// Which places a random word keeps under dropout.
#pragma once
#include "../simd/simd.h"

namespace COMPACT_TIER {
namespace {

/** Lanes whose word is at least the threshold, both as unsigned integers; a threshold of 0 is for the caller to see to. */
INLINE Mask keeps(Words word, uint32_t threshold) {
  const Words top = setWords(0x80000000u);
  return lessSigned(setWords((threshold - 1) ^ 0x80000000u), bitXor(word, top));
}

}  // namespace
}  // namespace COMPACT_TIER
