// Streams through memory and nothing else: the bandwidth that memory-bound kernels are measured against.
#pragma once
#include "../calls.h"
#include "../threads/parallel.h"
#include "peak-f32.h"

namespace COMPACT_TIER {
namespace {

/** Reads `reads` streams, reads and rewrites `updates` streams, writes `writes` streams, one after the other in memory. */
void streamKernel(Pool* pool, const compact::StreamCall& call) {
  parallelRanges(pool, call.count, elementGrain, [&](int64_t begin, int64_t end) {
    const float* reads = call.start;
    float* updates = call.start + call.reads * call.count;
    float* writes = updates + call.updates * call.count;
    Vec last = zero();
    for (int64_t i = begin; i + 4 * lanes <= end; i += 4 * lanes) {
      Vec sum[4] = {zero(), zero(), zero(), zero()};
      for (int64_t stream = 0; stream < call.reads; stream++) {
        for (int part = 0; part < 4; part++) sum[part] = add(sum[part], load(reads + stream * call.count + i + part * lanes));
      }
      for (int64_t stream = 0; stream < call.updates; stream++) {
        for (int part = 0; part < 4; part++) {
          float* at = updates + stream * call.count + i + part * lanes;
          store(at, add(sum[part], load(at)));
        }
      }
      for (int64_t stream = 0; stream < call.writes; stream++) {
        for (int part = 0; part < 4; part++) store(writes + stream * call.count + i + part * lanes, sum[part]);
      }
      last = add(add(sum[0], sum[1]), add(sum[2], sum[3]));
    }
    keep(last);
  });
}

}  // namespace
}  // namespace COMPACT_TIER
