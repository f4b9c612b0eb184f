// All kernels of one instruction set. A tier unit defines COMPACT_TIER (its namespace) and includes this once.
//
// Everything in the headers below has internal linkage, and nothing of the C++ library is used: an inline function with
// external linkage would become a weak symbol, of which the linker keeps one copy for all tiers, perhaps the AVX-512 one.
#pragma once
#include "../activations/step-slope.h"
#include "../activations/gelu.h"
#include "../activations/swiglu.h"
#include "../attention/attention.h"
#include "../calls.h"
#include "../elementwise/bias.h"
#include "../elementwise/elementwise.h"
#include "../embedding/embedding.h"
#include "../gemm/gemm.h"
#include "../linear-algebra/singular-vectors.h"
#include "../loss/cross-entropy.h"
#include "../loss/log-softmax.h"
#include "../loss/squared-error.h"
#include "../norms/column-sums.h"
#include "../norms/layer-norm.h"
#include "../norms/rms-norm.h"
#include "../norms/rope.h"
#include "../optimizer/adafactor.h"
#include "../optimizer/adam-8bit.h"
#include "../optimizer/adam-mini.h"
#include "../optimizer/adam.h"
#include "../optimizer/channel-scale.h"
#include "../optimizer/clip.h"
#include "../peak/peak-f32.h"
#include "../peak/stream.h"
#include "../quantize/quantize.h"
#include "../random/fast-projection.h"
#include "../random/dropout.h"
#include "../random/orthonormalize.h"
#include "../random/random.h"
#include "../subtoken/subtoken.h"

namespace COMPACT_TIER {
namespace {

constexpr compact::KernelTable kernelTable(const char* name) {
  return {
      name,
      gemmKernel,
      embeddingKernel,
      embeddingBackwardKernel,
      rmsNormKernel,
      rmsNormBackwardKernel,
      ropeKernel,
      attentionKernel,
      attentionBackwardKernel,
      swigluKernel,
      swigluBackwardKernel,
      logSoftmaxKernel,
      nllLossKernel,
      nllLossBackwardKernel,
      crossEntropyKernel,
      fillKernel,
      copyKernel,
      addKernel,
      scaleKernel,
      adamWKernel,
      adamDirectionKernel,
      squaredNormKernel,
      clipFactorKernel,
      randomKernel,
      orthonormalizeKernel,
      axpbyKernel,
      quantizeKernel,
      dequantizeKernel,
      slopeCodesKernel,
      slopeBackwardKernel,
      siluKernel,
      multiplyKernel,
      scaleColumnsKernel,
      subtokenDirectionKernel,
      subtokenProjectKernel,
      subtokenExpandKernel,
      fastMatrixKernel,
      fastProjectKernel,
      fastExpandKernel,
      fillBytesKernel,
      adam8bitDirectionKernel,
      adamMiniDirectionKernel,
      adafactorDirectionKernel,
      normalizeKernel,
      singularVectorsKernel,
      channelScaleKernel,
      limitGrowthKernel,
      streamKernel,
      layerNormKernel,
      layerNormBackwardKernel,
      geluKernel,
      geluBackwardKernel,
      tanhKernel,
      tanhBackwardKernel,
      addBiasKernel,
      columnSumKernel,
      dropoutKernel,
      dropoutBackwardKernel,
      squaredErrorKernel,
      peakF32,
  };
}

}  // namespace
}  // namespace COMPACT_TIER
