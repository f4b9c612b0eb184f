// Dropout of probabilities: which of a tile's are kept, as a function of the key and their place; the contract has the recipe.
#pragma once
#include "../calls.h"
#include "../random/kept.h"
#include "../random/threefry.h"

namespace COMPACT_TIER {
namespace {

/** The masks of sixteen queries for the keys of a tile, asked for in order. Two keys share one run of the generator. */
struct KeptKeys {
  const compact::AttentionShape& shape;
  int64_t firstKey;
  Words rows, words[2];

  /** @param firstRow index into logSumExp of the first query; @param tileStart first key, even, as every tile begins */
  KeptKeys(const compact::AttentionShape& s, int64_t firstRow, int64_t tileStart) 
      : shape(s), firstKey(tileStart) {
    uint32_t counters[lanes];
    for (int lane = 0; lane < lanes; lane++) counters[lane] = static_cast<uint32_t>(firstRow + lane * s.heads);
    __builtin_memcpy(&rows, counters, sizeof rows);
  }

  bool all() const { return shape.dropThreshold == 0; }

  /** Which queries keep `key`, counted from the tile's first one. */
  Mask next(int64_t key) {
    if (key % 2 == 0) {
      words[0] = rows;
      words[1] = setWords(static_cast<uint32_t>((firstKey + key) / 2));
      threefry(shape.key0, shape.key1, words[0], words[1]);
    }
    return keeps(words[key % 2], shape.dropThreshold);
  }
};

}  // namespace
}  // namespace COMPACT_TIER
