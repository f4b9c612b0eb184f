#define COMPACT_TIER compact_neon
#define COMPACT_NEON
#include "kernels.h"
#include "tiers.h"

namespace compact {
const KernelTable neonKernels = compact_neon::kernelTable("neon");
}
