#define COMPACT_TIER compact_avx2
#define COMPACT_AVX2
#include "kernels.h"
#include "tiers.h"

namespace compact {
const KernelTable avx2Kernels = compact_avx2::kernelTable("avx2");
}
