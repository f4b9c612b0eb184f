#pragma once
#include "../calls.h"
#include "reader.h"

namespace compact {

/** Reads and checks the arguments of the op with this code and runs its kernel; gives the reason where it refuses. */
Refusal runOp(int32_t code, const KernelTable& kernels, Pool* pool, const Arena& arena, const double* slots);

}  // namespace compact
