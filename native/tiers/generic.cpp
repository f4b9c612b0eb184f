#define COMPACT_TIER compact_generic
#define COMPACT_GENERIC
#include "kernels.h"
#include "tiers.h"

namespace compact {
const KernelTable genericKernels = compact_generic::kernelTable("generic");
}
