#pragma once
#include "../calls.h"

namespace compact {

/** Tiers that were compiled in and that this machine and its operating system can run, best first; null-terminated. */
const KernelTable* const* supportedTiers();

/** The tier of this name, or null where it is not supported. */
const KernelTable* tierNamed(const char* name);

/** GFLOP/s of bf16 products with f32 sums on one thread, 0 where the machine has no instruction for it. */
double bf16Peak();

}  // namespace compact
