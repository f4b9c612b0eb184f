#include "tier-choice.h"

#include <cstring>

#include "../tiers/tiers.h"

namespace compact {
namespace {

struct Supported {
  const KernelTable* tiers[5] = {};
  KernelTable avx512Bf16;

  Supported() : avx512Bf16() {
    int count = 0;
#ifdef COMPACT_X86
    __builtin_cpu_init();
    const bool fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (fma && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
      if (__builtin_cpu_supports("avx512bf16")) {
        avx512Bf16 = avx512Bf16Kernels();
        tiers[count++] = &avx512Bf16;
      }
      tiers[count++] = &avx512Kernels;
    }
    if (fma) tiers[count++] = &avx2Kernels;
#endif
#ifdef COMPACT_ARM64
    tiers[count++] = &neonKernels;
#endif
    tiers[count] = &genericKernels;
  }
};

}  // namespace

const KernelTable* const* supportedTiers() {
  static const Supported supported;
  return supported.tiers;
}

const KernelTable* tierNamed(const char* name) {
  for (const KernelTable* const* tier = supportedTiers(); *tier != nullptr; tier++) {
    if (strcmp((*tier)->name, name) == 0) return *tier;
  }
  return nullptr;
}

double bf16Peak() {
#ifdef COMPACT_X86
  if (tierNamed("avx512bf16") != nullptr) return peakBf16();
#endif
  return 0;
}

}  // namespace compact
