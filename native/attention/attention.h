// Attention in f32: what is stored in bf16 is widened.
#pragma once
#include "backward.h"
#include "forward.h"
#include "scores.h"

namespace COMPACT_TIER {
namespace {

void attentionKernel(Pool* pool, const compact::AttentionCall& call) {
  withStorage(call.stored, [&](auto storage) { attend<typename decltype(storage)::Type, FloatScores>(pool, call); });
}

void attentionBackwardKernel(Pool* pool, const compact::AttentionBackwardCall& call) {
  withStorage(call.stored, [&](auto storage) { attendBackward<typename decltype(storage)::Type, FloatScores>(pool, call); });
}

}  // namespace
}  // namespace COMPACT_TIER
