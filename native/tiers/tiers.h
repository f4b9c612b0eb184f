// The instruction sets that this addon was compiled for.
#pragma once
#include "../calls.h"

namespace compact {

extern const KernelTable genericKernels;
#ifdef COMPACT_X86
extern const KernelTable avx2Kernels;
extern const KernelTable avx512Kernels;
/** Those of AVX-512, with products of bf16 by the processor; only for machines with avx512bf16. */
KernelTable avx512Bf16Kernels();
/** GFLOP/s of bf16 dot products with f32 sums in registers; only for machines with avx512bf16. */
double peakBf16();
#endif
#ifdef COMPACT_ARM64
extern const KernelTable neonKernels;
#endif

}  // namespace compact
