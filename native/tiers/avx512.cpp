#define COMPACT_TIER compact_avx512
#define COMPACT_AVX512
#include "kernels.h"
#include "tiers.h"

namespace compact {
const KernelTable avx512Kernels = compact_avx512::kernelTable("avx512");
}
