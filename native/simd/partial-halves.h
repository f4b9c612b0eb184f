// Halves of a vector's first lanes, for instruction sets without masks for them: they are rare and go through memory.
#pragma once

namespace COMPACT_TIER {
namespace {

INLINE Words loadFirstHalves(const uint16_t* from, int count) {
  uint16_t all[16] = {};
  for (int i = 0; i < count; i++) all[i] = from[i];
  return loadHalves(all);
}
INLINE void storeFirstHalves(uint16_t* to, Words x, int count) {
  uint16_t all[16];
  storeHalves(all, x);
  for (int i = 0; i < count; i++) to[i] = all[i];
}

}  // namespace
}  // namespace COMPACT_TIER
