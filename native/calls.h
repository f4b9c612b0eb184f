// The arguments of every op as plain structures: written by the binding after its checks, read by the kernels.
#pragma once
#include <cstdint>

#include "threads/pool.h"

namespace compact {

/** Element types that floats are stored in. */
enum class Stored : int32_t { f32 = 0, bf16 = 1 };

constexpr int64_t bytesOf(Stored type) { return type == Stored::f32 ? 4 : 2; }

struct GemmCall {
  const void *a, *b, *addend;  // addend may be null
  void* out;
  Stored aType, bType, outType, addendType;
  int64_t m, n, k;
  bool transA, transB, accumulate;
  float* scratch;
};

/** Untyped pointers are to what `stored` says. */
struct EmbeddingCall {
  Stored stored;
  const int32_t* ids;
  const void* table;
  void* out;
  int64_t tokens, width;
};

struct EmbeddingBackwardCall {
  Stored stored;
  const int32_t* ids;
  const void* dy;
  void* dTable;
  int64_t tokens, width;
  /** Of 2·tokens, to sort the tokens in. */
  int32_t* room;
};

struct RmsNormCall {
  Stored stored;
  const void *x, *weight;
  void *out, *normalized;  // normalized may be null
  float* rstd;
  int64_t tokens, width;
  float epsilon;
};

struct RmsNormBackwardCall {
  Stored stored;
  const void *x, *weight, *dy;
  const float* rstd;
  void *dx, *dWeight;  // dWeight may be null
  int64_t tokens, width;
  bool normalized, accumulate;
  float* scratch;
};

struct RopeCall {
  Stored stored;
  const void* x;
  const float *cos, *sin;
  void* out;
  int64_t tokens, width, half, sequenceLength, positionOffset;
  bool inverse;
};

struct AttentionShape {
  int64_t batch, heads, keyValueHeads, queryLength, keyLength, headWidth;
  bool causal;
  float scale;
  /** Dropout of probabilities: random words below the threshold drop one; what is kept is multiplied by the factor. */
  uint32_t dropThreshold;
  float keptFactor;
  uint32_t key0, key1;
};

struct AttentionCall {
  Stored stored;
  AttentionShape shape;
  const int32_t* keyRanges;  // may be null
  const void *query, *key, *value;
  void* out;
  float* logSumExp;
  float* scratch;
};

struct AttentionBackwardCall {
  Stored stored;
  AttentionShape shape;
  const int32_t* keyRanges;  // may be null
  const void *query, *key, *value, *out;
  const float* logSumExp;
  const void* dOut;
  void *dQuery, *dKey, *dValue;
  float* scratch;
};

struct SwigluCall {
  Stored stored;
  const void *gate, *up;
  void *out, *activated;  // activated may be null
  int64_t count;
};

struct SwigluBackwardCall {
  Stored stored;
  const void *gate, *up, *activated, *dy;  // activated may be null
  void *dGate, *dUp;
  int64_t count;
};

struct LogSoftmaxCall {
  Stored stored;
  const void* x;
  void* out;
  int64_t rows, columns;
};

struct NllLossCall {
  Stored stored;
  const void* logProbs;
  const int32_t* targets;
  float* loss;
  int64_t rows, columns;
  double scale;
};

struct NllLossBackwardCall {
  Stored stored;
  const void* logProbs;
  const int32_t* targets;
  void* dLogits;
  int64_t rows, columns;
  double scale;
};

struct CrossEntropyCall {
  Stored logitsStored, gradientStored;
  const void* logits;
  const int32_t* targets;
  float* loss;
  void* dLogits;  // may be null
  int64_t rows, columns;
  double scale;
  float* scratch;
};

struct FillCall {
  Stored stored;
  void* out;
  int64_t count;
  float value;
};

struct FillBytesCall {
  uint8_t* out;
  int64_t count;
  uint8_t value;
};

struct CopyCall {
  Stored from, to;
  const void* x;
  void* out;
  int64_t count;
};

struct AddCall {
  Stored stored;
  const void *a, *b;
  void* out;
  int64_t count;
};

struct ScaleCall {
  Stored stored;
  void* x;
  const float* by;  // may be null
  int64_t count;
  double factor;
};

/** Key of stochastic rounding. */
struct RoundingKey {
  uint32_t key0, key1;
};

struct AxpbyCall {
  Stored xStored, outStored;
  RoundingKey rounding;
  const void* x;
  void* out;
  const float* alphaFactor;  // may be null
  int64_t count;
  double alpha, beta;
};

struct AdamNumbers {
  const float* gradientScale;  // may be null
  int64_t count;
  double beta1, beta2, epsilon, correction1, correction2;
};

struct AdamState : AdamNumbers {
  Stored moments;
  RoundingKey rounding;
  void *firstMoment, *secondMoment;
};

struct AdamWCall {
  Stored weightStored, gradientStored;
  AdamState adam;
  void* weight;
  const void* gradient;
  double learningRate, updateScale, weightDecay;
};

struct AdamDirectionCall {
  Stored gradientStored;
  AdamState adam;
  void* gradient;
  double factor;
};

struct Adam8bitDirectionCall {
  Stored stored;  // of the gradient
  AdamNumbers adam;
  void* gradient;
  float *firstScales, *secondScales;
  uint8_t *firstCodes, *secondCodes;
  int64_t blockSize;
  double factor;
};

struct AdamMiniDirectionCall {
  Stored stored;  // of the gradient
  AdamNumbers adam;
  void* gradient;
  float *firstMoment, *secondMoment;
  int64_t blocks;
  bool alongColumns;
  double factor;
};

struct AdafactorDirectionCall {
  Stored gradientStored, weightStored;
  void* gradient;
  const void* weight;
  float *rowMoment, *columnMoment, *secondMoment;  // factors, or the second moment; the others are null
  const float* gradientScale;                      // may be null
  int64_t count, rows, columns, weightCount;       // rows and columns are 0 without factors
  double decay, epsilon, clipThreshold, minimumScale, factor;
  float* scratch;
};

struct NormalizeCall {
  Stored stored;
  void* x;
  int64_t count;
  double factor, epsilon;
  float* scratch;
};

struct SquaredNormCall {
  Stored stored;
  const void* x;
  float* out;
  int64_t count;
  float* scratch;
};

struct ClipFactorCall {
  const float* squaredNorm;
  float* out;
  double maxNorm;
};

struct RandomCall {
  Stored stored;
  void* out;
  int64_t rows, columns;
  bool gaussian;
  uint32_t key0, key1;
  float deviation;
};

struct OrthonormalizeCall {
  Stored stored;
  void* x;
  int64_t rows, columns;
  float factor;
  float* scratch;
};

struct QuantizeCall {
  Stored stored;
  const void* x;
  uint8_t* codes;
  uint16_t* scales;  // bf16: step and minimum of each group
  int64_t count;
  int64_t bits;
  uint32_t key0, key1;
};

struct DequantizeCall {
  Stored stored;
  const uint8_t* codes;
  const uint16_t* scales;
  void* out;
  int64_t count;
  int64_t bits;
};

struct SlopeCodesCall {
  Stored stored;
  const void* x;
  uint8_t* codes;
  int64_t count;
  float thresholds[3];
};

struct SlopeBackwardCall {
  Stored stored;
  const uint8_t* codes;
  const void* dy;
  void* dx;
  int64_t count;
  float levels[4];
};

struct SiluCall {
  Stored stored;
  const void* x;
  void* out;
  int64_t count;
};

struct MultiplyCall {
  Stored stored;
  const void *a, *b;
  void* out;
  int64_t count;
};

struct ScaleColumnsCall {
  Stored stored, factorsStored;
  void* x;
  const void* factors;
  int64_t rows, columns;
};

struct SubtokenDirectionCall {
  Stored stored;
  const void* x;
  float* out;
  int64_t tokens, width, size;
};

struct SubtokenProjectCall {
  Stored stored;
  const void* x;
  const float* direction;
  void* out;
  int64_t tokens, width, size;
};

struct SubtokenExpandCall {
  Stored stored;
  const float *coefficients, *direction;
  void* out;
  int64_t rows, width, size;
  float factor;
  bool accumulate;
};

/** A sparse or subsampled Hadamard projection P [n, r]. */
struct FastProjection {
  bool sparse;
  uint32_t key0, key1;
  int64_t inputSize, rank, perRow, hadamardSize;
};

struct FastMatrixCall {
  Stored stored;
  FastProjection projection;
  void* out;
  float* scratch;
};

struct FastProjectCall {
  Stored stored;
  FastProjection projection;
  const void* x;
  void* out;
  int64_t rows;
  float* scratch;
};

struct FastExpandCall {
  Stored xStored, outStored;
  FastProjection projection;
  const void* x;
  void* out;
  int64_t rows;
  float* scratch;
};

struct SingularVectorsCall {
  Stored outStored;
  float* x;
  void* out;
  int64_t rows, columns, wanted;
  float* scratch;
};

/** What has a scale factor of its own. */
enum class Channels : int32_t { rows = 0, columns = 1, tensor = 2 };

struct ChannelScaleCall {
  Stored stored, projectedStored;
  void* x;
  const void *projected, *direction;
  int64_t rows, columns, projectedRows, projectedColumns;
  Channels channels;
  float* scratch;
};

struct LimitGrowthCall {
  Stored stored;
  void* x;
  float* previous;
  int64_t count;
  double factor;
  float* scratch;
};

/** Streams of `count` floats each, one after the other from `start`: first those read, then those updated, then those written. */
struct StreamCall {
  float* start;
  int64_t count, reads, updates, writes;
};

struct LayerNormCall {
  Stored stored;
  const void *x, *weight, *bias;
  void* out;
  float *mean, *rstd;
  int64_t tokens, width;
  float epsilon;
};

struct LayerNormBackwardCall {
  Stored stored;
  const void *x, *weight, *dy;
  const float *mean, *rstd;
  void *dx, *dWeight, *dBias;  // dWeight and dBias may be null
  int64_t tokens, width;
  bool accumulate;
  float* scratch;
};

struct GeluCall {
  Stored stored;
  const void* x;
  void* out;
  int64_t count;
  bool exact;
};

struct GeluBackwardCall {
  Stored stored;
  const void *x, *dy;
  void* dx;
  int64_t count;
  bool exact;
};

struct TanhCall {
  Stored stored;
  const void* x;
  void* out;
  int64_t count;
};

struct TanhBackwardCall {
  Stored stored;
  const void *y, *dy;
  void* dx;
  int64_t count;
};

struct AddBiasCall {
  Stored stored, biasStored;
  const void *x, *bias;
  void* out;
  int64_t rows, columns;
};

struct ColumnSumCall {
  Stored xStored, outStored;
  const void* x;
  void* out;
  int64_t rows, columns;
  float* scratch;
};

struct DropoutCall {
  Stored stored;
  const void *x, *residual;  // residual may be null
  void* out;
  uint8_t* mask;  // may be null
  int64_t rows, columns;
  uint32_t threshold, key0, key1;
  float factor;
};

struct DropoutBackwardCall {
  Stored stored;
  const void* dy;
  const uint8_t* mask;
  void* dx;
  int64_t count;
  float factor;
};

struct SquaredErrorCall {
  Stored stored;
  const void* predictions;
  const float* targets;
  float* loss;
  void* dPredictions;  // may be null
  int64_t count;
  double scale;
};

/** One kernel per op, compiled once per instruction set. */
struct KernelTable {
  const char* name;
  void (*gemm)(Pool*, const GemmCall&);
  void (*embedding)(Pool*, const EmbeddingCall&);
  void (*embeddingBackward)(Pool*, const EmbeddingBackwardCall&);
  void (*rmsNorm)(Pool*, const RmsNormCall&);
  void (*rmsNormBackward)(Pool*, const RmsNormBackwardCall&);
  void (*rope)(Pool*, const RopeCall&);
  void (*attention)(Pool*, const AttentionCall&);
  void (*attentionBackward)(Pool*, const AttentionBackwardCall&);
  void (*swiglu)(Pool*, const SwigluCall&);
  void (*swigluBackward)(Pool*, const SwigluBackwardCall&);
  void (*logSoftmax)(Pool*, const LogSoftmaxCall&);
  void (*nllLoss)(Pool*, const NllLossCall&);
  void (*nllLossBackward)(Pool*, const NllLossBackwardCall&);
  void (*crossEntropy)(Pool*, const CrossEntropyCall&);
  void (*fill)(Pool*, const FillCall&);
  void (*copy)(Pool*, const CopyCall&);
  void (*add)(Pool*, const AddCall&);
  void (*scale)(Pool*, const ScaleCall&);
  void (*adamW)(Pool*, const AdamWCall&);
  void (*adamDirection)(Pool*, const AdamDirectionCall&);
  void (*squaredNorm)(Pool*, const SquaredNormCall&);
  void (*clipFactor)(Pool*, const ClipFactorCall&);
  void (*random)(Pool*, const RandomCall&);
  void (*orthonormalize)(Pool*, const OrthonormalizeCall&);
  void (*axpby)(Pool*, const AxpbyCall&);
  void (*quantize)(Pool*, const QuantizeCall&);
  void (*dequantize)(Pool*, const DequantizeCall&);
  void (*slopeCodes)(Pool*, const SlopeCodesCall&);
  void (*slopeBackward)(Pool*, const SlopeBackwardCall&);
  void (*silu)(Pool*, const SiluCall&);
  void (*multiply)(Pool*, const MultiplyCall&);
  void (*scaleColumns)(Pool*, const ScaleColumnsCall&);
  void (*subtokenDirection)(Pool*, const SubtokenDirectionCall&);
  void (*subtokenProject)(Pool*, const SubtokenProjectCall&);
  void (*subtokenExpand)(Pool*, const SubtokenExpandCall&);
  void (*fastMatrix)(Pool*, const FastMatrixCall&);
  void (*fastProject)(Pool*, const FastProjectCall&);
  void (*fastExpand)(Pool*, const FastExpandCall&);
  void (*fillBytes)(Pool*, const FillBytesCall&);
  void (*adam8bitDirection)(Pool*, const Adam8bitDirectionCall&);
  void (*adamMiniDirection)(Pool*, const AdamMiniDirectionCall&);
  void (*adafactorDirection)(Pool*, const AdafactorDirectionCall&);
  void (*normalize)(Pool*, const NormalizeCall&);
  void (*singularVectors)(Pool*, const SingularVectorsCall&);
  void (*channelScale)(Pool*, const ChannelScaleCall&);
  void (*limitGrowth)(Pool*, const LimitGrowthCall&);
  void (*stream)(Pool*, const StreamCall&);
  void (*layerNorm)(Pool*, const LayerNormCall&);
  void (*layerNormBackward)(Pool*, const LayerNormBackwardCall&);
  void (*gelu)(Pool*, const GeluCall&);
  void (*geluBackward)(Pool*, const GeluBackwardCall&);
  void (*tanh)(Pool*, const TanhCall&);
  void (*tanhBackward)(Pool*, const TanhBackwardCall&);
  void (*addBias)(Pool*, const AddBiasCall&);
  void (*columnSum)(Pool*, const ColumnSumCall&);
  void (*dropout)(Pool*, const DropoutCall&);
  void (*dropoutBackward)(Pool*, const DropoutBackwardCall&);
  void (*squaredError)(Pool*, const SquaredErrorCall&);
  /** GFLOP/s of a loop of fused multiply-adds in registers, on the calling thread. */
  double (*peak)();
};

}  // namespace compact
