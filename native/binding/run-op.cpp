// One function per op: arguments in, kernel out. The order of reads is the order in which src/engine/native/kernels.ts writes,
// the order of the table below that of `opCodes` there.
#include "run-op.h"

#include "../attention/attention-blocks.h"
#include "../gemm/gemm-blocks.h"

namespace compact {
namespace {

struct Runner {
  const KernelTable& kernels;
  Pool* pool;
  Reader read;

  bool ok() const { return read.refusal() == nullptr; }
};

/** Partial sums over rows; `normBlockRows` of the contract. */
int64_t rowBlocks(int64_t rows) { return (rows + 63) / 64; }

/** Token ids and targets come from data; a wrong one must not become a wild address. */
void checkIds(Reader& read, const int32_t* ids, int64_t count, int64_t limit, bool mayIgnore) {
  if (read.refusal() != nullptr) return;
  constexpr int32_t ignored = -100;
  for (int64_t i = 0; i < count; i++) {
    const bool fine = (ids[i] >= 0 && ids[i] < limit) || (mayIgnore && ids[i] == ignored);
    if (!fine) return read.refuse("NATIVE_TOKEN");
  }
}

Stored storedType(Reader& read) {
  const int64_t code = read.whole();
  if (code > 1) read.refuse("NATIVE_ARGUMENTS");
  return code == 1 ? Stored::bf16 : Stored::f32;
}

void gemm(Runner& r) {
  GemmCall c{};
  c.m = r.read.extent(), c.n = r.read.extent(), c.k = r.read.extent();
  c.transA = r.read.flag(), c.transB = r.read.flag(), c.accumulate = r.read.flag();
  c.aType = storedType(r.read), c.bType = storedType(r.read);
  c.outType = storedType(r.read), c.addendType = storedType(r.read);
  c.a = r.read.range(r.read.product(c.m, c.k), bytesOf(c.aType));
  c.b = r.read.range(r.read.product(c.k, c.n), bytesOf(c.bType));
  c.out = r.read.range(r.read.product(c.m, c.n), bytesOf(c.outType));
  c.addend = r.read.optionalRange(r.read.product(c.m, c.n), bytesOf(c.addendType));
  if (!r.ok()) return;
  c.scratch = r.read.floats(gemmScratchFloats(c.m, c.n, c.k, c.outType, poolThreads(r.pool)));
  if (r.ok()) r.kernels.gemm(r.pool, c);
}

void embedding(Runner& r) {
  EmbeddingCall c{};
  c.stored = storedType(r.read);
  c.tokens = r.read.extent(), c.width = r.read.extent();
  const int64_t vocabulary = r.read.extent();
  c.ids = r.read.integers(c.tokens);
  c.table = r.read.values(c.stored, r.read.product(vocabulary, c.width));
  c.out = r.read.values(c.stored, r.read.product(c.tokens, c.width));
  checkIds(r.read, c.ids, c.tokens, vocabulary, false);
  if (r.ok()) r.kernels.embedding(r.pool, c);
}

void embeddingBackward(Runner& r) {
  EmbeddingBackwardCall c{};
  c.stored = storedType(r.read);
  c.tokens = r.read.extent(), c.width = r.read.extent();
  const int64_t vocabulary = r.read.extent();
  c.ids = r.read.integers(c.tokens);
  c.dy = r.read.values(c.stored, r.read.product(c.tokens, c.width));
  c.dTable = r.read.values(c.stored, r.read.product(vocabulary, c.width));
  c.room = r.read.integers(r.read.product(2, c.tokens));
  checkIds(r.read, c.ids, c.tokens, vocabulary, false);
  if (r.ok()) r.kernels.embeddingBackward(r.pool, c);
}

void rmsNorm(Runner& r) {
  RmsNormCall c{};
  c.stored = storedType(r.read);
  c.tokens = r.read.extent(), c.width = r.read.extent();
  c.epsilon = r.read.real();
  const int64_t count = r.read.product(c.tokens, c.width);
  c.x = r.read.values(c.stored, count);
  c.weight = r.read.values(c.stored, c.width);
  c.out = r.read.values(c.stored, count);
  c.rstd = r.read.floats(c.tokens);
  c.normalized = r.read.optionalValues(c.stored, count);
  if (r.ok()) r.kernels.rmsNorm(r.pool, c);
}

void rmsNormBackward(Runner& r) {
  RmsNormBackwardCall c{};
  c.stored = storedType(r.read);
  c.tokens = r.read.extent(), c.width = r.read.extent();
  c.normalized = r.read.flag(), c.accumulate = r.read.flag();
  const int64_t count = r.read.product(c.tokens, c.width);
  c.x = r.read.values(c.stored, count);
  c.rstd = r.read.floats(c.tokens);
  c.weight = r.read.values(c.stored, c.width);
  c.dy = r.read.values(c.stored, count);
  c.dx = r.read.values(c.stored, count);
  c.dWeight = r.read.optionalValues(c.stored, c.width);
  constexpr int64_t blockRows = 64;  // normBlockRows of the contract
  if (c.dWeight != nullptr) c.scratch = r.read.floats(r.read.product((c.tokens + blockRows - 1) / blockRows, c.width));
  if (r.ok()) r.kernels.rmsNormBackward(r.pool, c);
}

void rope(Runner& r) {
  RopeCall c{};
  c.stored = storedType(r.read);
  c.tokens = r.read.extent(), c.width = r.read.extent();
  const int64_t positions = r.read.extent();
  c.half = r.read.extent(), c.sequenceLength = r.read.extent(), c.positionOffset = r.read.whole();
  c.inverse = r.read.flag();
  const int64_t count = r.read.product(c.tokens, c.width);
  c.x = r.read.values(c.stored, count);
  c.cos = r.read.floats(r.read.product(positions, c.half));
  c.sin = r.read.floats(r.read.product(positions, c.half));
  c.out = r.read.values(c.stored, count);
  if (!r.ok()) return;
  if (c.width % (2 * c.half) != 0 || c.positionOffset + c.sequenceLength > positions) {
    return r.read.refuse("NATIVE_ARGUMENTS");
  }
  r.kernels.rope(r.pool, c);
}

AttentionShape attentionShape(Reader& read) {
  AttentionShape s{};
  s.batch = read.extent(), s.heads = read.extent(), s.keyValueHeads = read.extent();
  s.queryLength = read.extent(), s.keyLength = read.extent(), s.headWidth = read.extent();
  s.causal = read.flag(), s.scale = read.real();
  s.dropThreshold = read.word(), s.keptFactor = read.real();
  s.key0 = read.word(), s.key1 = read.word();
  if (read.refusal() != nullptr) return s;
  if (s.heads % s.keyValueHeads != 0 || (s.causal && s.keyLength < s.queryLength)) read.refuse("NATIVE_ARGUMENTS");
  return s;
}

/** Every query must see at least one key of its sequence; a wrong range must not become a wild address. */
void checkKeyRanges(Reader& read, const int32_t* ranges, const AttentionShape& s) {
  if (read.refusal() != nullptr || ranges == nullptr) return;
  for (int64_t row = 0; row < s.batch * s.queryLength; row++) {
    const int64_t seen = s.causal ? row % s.queryLength + s.keyLength - s.queryLength + 1 : s.keyLength;
    const int64_t first = ranges[2 * row], end = ranges[2 * row + 1];
    if (first < 0 || end > s.keyLength || first >= end || first >= seen) return read.refuse("NATIVE_ARGUMENTS");
  }
}

int64_t attentionFloats(Reader& read, int64_t batch, int64_t length, int64_t heads, int64_t width) {
  return read.product(read.product(read.product(batch, length), heads), width);
}

void attention(Runner& r) {
  AttentionCall c{};
  c.stored = storedType(r.read);
  const AttentionShape s = c.shape = attentionShape(r.read);
  const int64_t queries = attentionFloats(r.read, s.batch, s.queryLength, s.heads, s.headWidth);
  const int64_t keys = attentionFloats(r.read, s.batch, s.keyLength, s.keyValueHeads, s.headWidth);
  c.query = r.read.values(c.stored, queries);
  c.key = r.read.values(c.stored, keys);
  c.value = r.read.values(c.stored, keys);
  c.out = r.read.values(c.stored, queries);
  c.logSumExp = r.read.floats(attentionFloats(r.read, s.batch, s.queryLength, s.heads, 1));
  c.keyRanges = r.read.optionalIntegers(attentionFloats(r.read, s.batch, s.queryLength, 2, 1));
  checkKeyRanges(r.read, c.keyRanges, s);
  if (!r.ok()) return;
  c.scratch = r.read.floats(poolThreads(r.pool) * attentionThreadFloats(s.headWidth));
  if (r.ok()) r.kernels.attention(r.pool, c);
}

void attentionBackward(Runner& r) {
  AttentionBackwardCall c{};
  c.stored = storedType(r.read);
  const AttentionShape s = c.shape = attentionShape(r.read);
  const int64_t queries = attentionFloats(r.read, s.batch, s.queryLength, s.heads, s.headWidth);
  const int64_t keys = attentionFloats(r.read, s.batch, s.keyLength, s.keyValueHeads, s.headWidth);
  const int64_t rows = attentionFloats(r.read, s.batch, s.queryLength, s.heads, 1);
  c.query = r.read.values(c.stored, queries);
  c.key = r.read.values(c.stored, keys);
  c.value = r.read.values(c.stored, keys);
  c.out = r.read.values(c.stored, queries);
  c.logSumExp = r.read.floats(rows);
  c.dOut = r.read.values(c.stored, queries);
  c.dQuery = r.read.values(c.stored, queries);
  c.dKey = r.read.values(c.stored, keys);
  c.dValue = r.read.values(c.stored, keys);
  c.keyRanges = r.read.optionalIntegers(attentionFloats(r.read, s.batch, s.queryLength, 2, 1));
  checkKeyRanges(r.read, c.keyRanges, s);
  if (!r.ok()) return;
  const AttentionSharedFloats shared(s, c.stored);
  c.scratch = r.read.floats(shared.floats() + poolThreads(r.pool) * attentionThreadFloats(s.headWidth));
  if (r.ok()) r.kernels.attentionBackward(r.pool, c);
}

void swiglu(Runner& r) {
  SwigluCall c{};
  c.stored = storedType(r.read);
  c.count = r.read.extent();
  c.gate = r.read.values(c.stored, c.count);
  c.up = r.read.values(c.stored, c.count);
  c.out = r.read.values(c.stored, c.count);
  c.activated = r.read.optionalValues(c.stored, c.count);
  if (r.ok()) r.kernels.swiglu(r.pool, c);
}

void swigluBackward(Runner& r) {
  SwigluBackwardCall c{};
  c.stored = storedType(r.read);
  c.count = r.read.extent();
  c.gate = r.read.values(c.stored, c.count);
  c.up = r.read.values(c.stored, c.count);
  c.activated = r.read.optionalValues(c.stored, c.count);
  c.dy = r.read.values(c.stored, c.count);
  c.dGate = r.read.values(c.stored, c.count);
  c.dUp = r.read.values(c.stored, c.count);
  if (r.ok()) r.kernels.swigluBackward(r.pool, c);
}

void logSoftmax(Runner& r) {
  LogSoftmaxCall c{};
  c.stored = storedType(r.read);
  c.rows = r.read.extent(), c.columns = r.read.extent();
  c.x = r.read.values(c.stored, r.read.product(c.rows, c.columns));
  c.out = r.read.values(c.stored, r.read.product(c.rows, c.columns));
  if (r.ok()) r.kernels.logSoftmax(r.pool, c);
}

void nllLoss(Runner& r) {
  NllLossCall c{};
  c.stored = storedType(r.read);
  c.rows = r.read.extent(), c.columns = r.read.extent();
  c.scale = r.read.number();
  c.logProbs = r.read.values(c.stored, r.read.product(c.rows, c.columns));
  c.targets = r.read.integers(c.rows);
  c.loss = r.read.floats(1);
  checkIds(r.read, c.targets, c.rows, c.columns, true);
  if (r.ok()) r.kernels.nllLoss(r.pool, c);
}

void nllLossBackward(Runner& r) {
  NllLossBackwardCall c{};
  c.stored = storedType(r.read);
  c.rows = r.read.extent(), c.columns = r.read.extent();
  c.scale = r.read.number();
  c.logProbs = r.read.values(c.stored, r.read.product(c.rows, c.columns));
  c.targets = r.read.integers(c.rows);
  c.dLogits = r.read.values(c.stored, r.read.product(c.rows, c.columns));
  checkIds(r.read, c.targets, c.rows, c.columns, true);
  if (r.ok()) r.kernels.nllLossBackward(r.pool, c);
}

void crossEntropy(Runner& r) {
  CrossEntropyCall c{};
  c.logitsStored = storedType(r.read), c.gradientStored = storedType(r.read);
  c.rows = r.read.extent(), c.columns = r.read.extent();
  c.scale = r.read.number();
  c.logits = r.read.values(c.logitsStored, r.read.product(c.rows, c.columns));
  c.targets = r.read.integers(c.rows);
  c.loss = r.read.floats(1);
  c.dLogits = r.read.optionalValues(c.gradientStored, r.read.product(c.rows, c.columns));
  c.scratch = r.read.floats(c.rows);
  checkIds(r.read, c.targets, c.rows, c.columns, true);
  if (r.ok()) r.kernels.crossEntropy(r.pool, c);
}

void fill(Runner& r) {
  const int64_t count = r.read.extent();
  if (r.read.flag()) {
    const int64_t value = r.read.whole();
    if (value > 255) r.read.refuse("NATIVE_ARGUMENTS");
    const FillBytesCall c{r.read.bytes(count), count, static_cast<uint8_t>(value)};
    if (r.ok()) r.kernels.fillBytes(r.pool, c);
    return;
  }
  FillCall c{};
  c.stored = storedType(r.read);
  c.count = count;
  c.value = r.read.real();
  c.out = r.read.values(c.stored, c.count);
  if (r.ok()) r.kernels.fill(r.pool, c);
}

void copy(Runner& r) {
  CopyCall c{};
  c.from = storedType(r.read), c.to = storedType(r.read);
  c.count = r.read.extent();
  c.x = r.read.values(c.from, c.count);
  c.out = r.read.values(c.to, c.count);
  if (r.ok()) r.kernels.copy(r.pool, c);
}

void add(Runner& r) {
  AddCall c{};
  c.stored = storedType(r.read);
  c.count = r.read.extent();
  c.a = r.read.values(c.stored, c.count);
  c.b = r.read.values(c.stored, c.count);
  c.out = r.read.values(c.stored, c.count);
  if (r.ok()) r.kernels.add(r.pool, c);
}

void scale(Runner& r) {
  ScaleCall c{};
  c.stored = storedType(r.read);
  c.count = r.read.extent();
  c.factor = r.read.number();
  c.x = r.read.values(c.stored, c.count);
  c.by = r.read.optionalFloats(1);
  if (r.ok()) r.kernels.scale(r.pool, c);
}

RoundingKey roundingKey(Reader& read) {
  const uint32_t key0 = read.word();
  return {key0, read.word()};
}

void axpby(Runner& r) {
  AxpbyCall c{};
  c.xStored = storedType(r.read), c.outStored = storedType(r.read);
  c.count = r.read.extent();
  c.rounding = roundingKey(r.read);
  c.alpha = r.read.number(), c.beta = r.read.number();
  c.x = r.read.values(c.xStored, c.count);
  c.out = r.read.values(c.outStored, c.count);
  c.alphaFactor = r.read.optionalFloats(1);
  if (r.ok()) r.kernels.axpby(r.pool, c);
}

void adamNumbers(Reader& read, AdamNumbers& s) {
  s.count = read.extent();
  s.beta1 = read.number(), s.beta2 = read.number(), s.epsilon = read.number();
  s.correction1 = read.number(), s.correction2 = read.number();
  s.gradientScale = read.optionalFloats(1);
}

AdamState adamState(Reader& read, Stored moments) {
  AdamState s{};
  s.moments = moments;
  adamNumbers(read, s);
  s.rounding = roundingKey(read);
  s.firstMoment = read.values(moments, s.count);
  s.secondMoment = read.values(moments, s.count);
  return s;
}

void adamW(Runner& r) {
  AdamWCall c{};
  c.weightStored = storedType(r.read), c.gradientStored = storedType(r.read);
  c.adam = adamState(r.read, storedType(r.read));
  c.learningRate = r.read.number(), c.updateScale = r.read.number(), c.weightDecay = r.read.number();
  c.weight = r.read.values(c.weightStored, c.adam.count);
  c.gradient = r.read.values(c.gradientStored, c.adam.count);
  if (r.ok()) r.kernels.adamW(r.pool, c);
}

void adamDirection(Runner& r) {
  AdamDirectionCall c{};
  c.gradientStored = storedType(r.read);
  c.adam = adamState(r.read, storedType(r.read));
  c.factor = r.read.number();
  c.gradient = r.read.values(c.gradientStored, c.adam.count);
  if (r.ok()) r.kernels.adamDirection(r.pool, c);
}

void adam8bitDirection(Runner& r) {
  Adam8bitDirectionCall c{};
  c.stored = storedType(r.read);
  adamNumbers(r.read, c.adam);
  c.blockSize = r.read.extent();
  if (c.blockSize > 4096) r.read.refuse("NATIVE_ARGUMENTS");  // most8bitBlock of the contract
  c.factor = r.read.number();
  if (!r.ok()) return;
  const int64_t blocks = (c.adam.count + c.blockSize - 1) / c.blockSize;
  c.gradient = r.read.values(c.stored, c.adam.count);
  c.firstCodes = r.read.bytes(c.adam.count);
  c.firstScales = r.read.floats(blocks);
  c.secondCodes = r.read.bytes(c.adam.count);
  c.secondScales = r.read.floats(blocks);
  if (r.ok()) r.kernels.adam8bitDirection(r.pool, c);
}

void adamMiniDirection(Runner& r) {
  AdamMiniDirectionCall c{};
  c.stored = storedType(r.read);
  adamNumbers(r.read, c.adam);
  c.blocks = r.read.extent();
  c.alongColumns = r.read.flag();
  c.factor = r.read.number();
  if (!r.ok()) return;
  if (c.adam.count % c.blocks != 0) r.read.refuse("NATIVE_ARGUMENTS");
  c.gradient = r.read.values(c.stored, c.adam.count);
  c.firstMoment = r.read.floats(c.adam.count);
  c.secondMoment = r.read.floats(c.blocks);
  if (r.ok()) r.kernels.adamMiniDirection(r.pool, c);
}

void adafactorDirection(Runner& r) {
  AdafactorDirectionCall c{};
  c.gradientStored = storedType(r.read), c.weightStored = storedType(r.read);
  c.count = r.read.extent();
  c.rows = r.read.whole(), c.columns = r.read.whole();
  c.weightCount = r.read.extent();
  c.decay = r.read.number(), c.epsilon = r.read.number();
  c.clipThreshold = r.read.number(), c.minimumScale = r.read.number(), c.factor = r.read.number();
  c.gradient = r.read.values(c.gradientStored, c.count);
  c.rowMoment = r.read.optionalFloats(c.rows);
  c.columnMoment = r.read.optionalFloats(c.columns);
  c.secondMoment = r.read.optionalFloats(c.count);
  c.weight = r.read.values(c.weightStored, c.weightCount);
  c.gradientScale = r.read.optionalFloats(1);
  const bool factored = c.rowMoment != nullptr && c.columnMoment != nullptr && r.read.product(c.rows, c.columns) == c.count;
  const bool whole = c.secondMoment != nullptr && c.rows == 0 && c.columns == 0;
  if (!factored && !whole) r.read.refuse("NATIVE_ARGUMENTS");
  if (!r.ok()) return;
  constexpr int64_t blockElements = 16384;  // normBlockElements of the contract
  const int64_t sums = (c.count + blockElements - 1) / blockElements + (c.weightCount + blockElements - 1) / blockElements;
  c.scratch = r.read.floats(c.rows + c.columns + sums);
  if (r.ok()) r.kernels.adafactorDirection(r.pool, c);
}

void normalize(Runner& r) {
  NormalizeCall c{};
  c.stored = storedType(r.read);
  c.count = r.read.extent();
  c.factor = r.read.number(), c.epsilon = r.read.number();
  c.x = r.read.values(c.stored, c.count);
  constexpr int64_t blockElements = 16384;  // normBlockElements of the contract
  c.scratch = r.read.floats((c.count + blockElements - 1) / blockElements);
  if (r.ok()) r.kernels.normalize(r.pool, c);
}

void squaredNorm(Runner& r) {
  SquaredNormCall c{};
  c.stored = storedType(r.read);
  c.count = r.read.extent();
  c.x = r.read.values(c.stored, c.count);
  c.out = r.read.floats(1);
  constexpr int64_t blockElements = 16384;  // normBlockElements of the contract
  c.scratch = r.read.floats((c.count + blockElements - 1) / blockElements);
  if (r.ok()) r.kernels.squaredNorm(r.pool, c);
}

void clipFactor(Runner& r) {
  ClipFactorCall c{};
  c.maxNorm = r.read.number();
  c.squaredNorm = r.read.floats(1);
  c.out = r.read.floats(1);
  if (r.ok()) r.kernels.clipFactor(r.pool, c);
}

void random(Runner& r) {
  RandomCall c{};
  c.stored = storedType(r.read);
  c.rows = r.read.extent(), c.columns = r.read.extent();
  c.gaussian = r.read.flag();
  c.key0 = r.read.word(), c.key1 = r.read.word();
  c.deviation = r.read.real();
  c.out = r.read.values(c.stored, r.read.product(c.rows, c.columns));
  if (r.ok()) r.kernels.random(r.pool, c);
}

void orthonormalize(Runner& r) {
  OrthonormalizeCall c{};
  c.stored = storedType(r.read);
  c.rows = r.read.extent(), c.columns = r.read.extent();
  c.factor = r.read.real();
  const int64_t count = r.read.product(c.rows, c.columns);
  c.x = r.read.values(c.stored, count);
  if (!r.ok()) return;
  c.scratch = r.read.floats(count + c.columns);
  if (r.ok()) r.kernels.orthonormalize(r.pool, c);
}

/** Bits of a code: 8, 4 or 2. */
int64_t codeBits(Reader& read) {
  const int64_t bits = read.whole();
  if (bits != 8 && bits != 4 && bits != 2) read.refuse("NATIVE_ARGUMENTS");
  return bits;
}

/** Bytes of packed codes. */
int64_t codeBytes(Reader& read, int64_t count, int64_t bits) { return (read.product(count, bits) + 7) / 8; }

constexpr int64_t quantizedGroup = 128;  // quantizedGroup of the contract

void quantize(Runner& r) {
  QuantizeCall c{};
  c.stored = storedType(r.read);
  c.count = r.read.extent(), c.bits = codeBits(r.read);
  c.key0 = r.read.word(), c.key1 = r.read.word();
  c.x = r.read.values(c.stored, c.count);
  c.codes = r.read.bytes(codeBytes(r.read, c.count, c.bits));
  c.scales = r.read.halves(2 * ((c.count + quantizedGroup - 1) / quantizedGroup));
  if (r.ok()) r.kernels.quantize(r.pool, c);
}

void dequantize(Runner& r) {
  DequantizeCall c{};
  c.stored = storedType(r.read);
  c.count = r.read.extent(), c.bits = codeBits(r.read);
  c.codes = r.read.bytes(codeBytes(r.read, c.count, c.bits));
  c.scales = r.read.halves(2 * ((c.count + quantizedGroup - 1) / quantizedGroup));
  c.out = r.read.values(c.stored, c.count);
  if (r.ok()) r.kernels.dequantize(r.pool, c);
}

void slopeCodes(Runner& r) {
  SlopeCodesCall c{};
  c.stored = storedType(r.read);
  c.count = r.read.extent();
  for (float& threshold : c.thresholds) threshold = r.read.real();
  c.x = r.read.values(c.stored, c.count);
  c.codes = r.read.bytes(codeBytes(r.read, c.count, 2));
  if (r.ok()) r.kernels.slopeCodes(r.pool, c);
}

void slopeBackward(Runner& r) {
  SlopeBackwardCall c{};
  c.stored = storedType(r.read);
  c.count = r.read.extent();
  for (float& level : c.levels) level = r.read.real();
  c.codes = r.read.bytes(codeBytes(r.read, c.count, 2));
  c.dy = r.read.values(c.stored, c.count);
  c.dx = r.read.values(c.stored, c.count);
  if (r.ok()) r.kernels.slopeBackward(r.pool, c);
}

void silu(Runner& r) {
  SiluCall c{};
  c.stored = storedType(r.read);
  c.count = r.read.extent();
  c.x = r.read.values(c.stored, c.count);
  c.out = r.read.values(c.stored, c.count);
  if (r.ok()) r.kernels.silu(r.pool, c);
}

void multiply(Runner& r) {
  MultiplyCall c{};
  c.stored = storedType(r.read);
  c.count = r.read.extent();
  c.a = r.read.values(c.stored, c.count);
  c.b = r.read.values(c.stored, c.count);
  c.out = r.read.values(c.stored, c.count);
  if (r.ok()) r.kernels.multiply(r.pool, c);
}

void scaleColumns(Runner& r) {
  ScaleColumnsCall c{};
  c.stored = storedType(r.read), c.factorsStored = storedType(r.read);
  c.rows = r.read.extent(), c.columns = r.read.extent();
  c.x = r.read.values(c.stored, r.read.product(c.rows, c.columns));
  c.factors = r.read.values(c.factorsStored, c.columns);
  if (r.ok()) r.kernels.scaleColumns(r.pool, c);
}

/** Size of a sub-token: at most the token's width. */
int64_t subtokenSize(Reader& read, int64_t width) {
  const int64_t size = read.extent();
  if (size > width) read.refuse("NATIVE_ARGUMENTS");
  return size > 0 ? size : 1;
}

void subtokenDirection(Runner& r) {
  SubtokenDirectionCall c{};
  c.stored = storedType(r.read);
  c.tokens = r.read.extent(), c.width = r.read.extent(), c.size = subtokenSize(r.read, c.width);
  c.x = r.read.values(c.stored, r.read.product(c.tokens, c.width));
  c.out = r.read.floats(c.size);
  if (r.ok()) r.kernels.subtokenDirection(r.pool, c);
}

void subtokenProject(Runner& r) {
  SubtokenProjectCall c{};
  c.stored = storedType(r.read);
  c.tokens = r.read.extent(), c.width = r.read.extent(), c.size = subtokenSize(r.read, c.width);
  c.x = r.read.values(c.stored, r.read.product(c.tokens, c.width));
  c.direction = r.read.floats(c.size);
  c.out = r.read.values(c.stored, r.read.product(c.tokens, (c.width + c.size - 1) / c.size));
  if (r.ok()) r.kernels.subtokenProject(r.pool, c);
}

void subtokenExpand(Runner& r) {
  SubtokenExpandCall c{};
  c.stored = storedType(r.read);
  c.rows = r.read.extent(), c.width = r.read.extent(), c.size = subtokenSize(r.read, c.width);
  c.factor = r.read.real(), c.accumulate = r.read.flag();
  c.coefficients = r.read.floats(r.read.product(c.rows, (c.width + c.size - 1) / c.size));
  c.direction = r.read.floats(c.size);
  c.out = r.read.values(c.stored, r.read.product(c.rows, c.width));
  if (r.ok()) r.kernels.subtokenExpand(r.pool, c);
}

FastProjection fastProjection(Reader& read) {
  FastProjection p{};
  p.sparse = read.flag();
  p.key0 = read.word(), p.key1 = read.word();
  p.inputSize = read.extent(), p.rank = read.extent(), p.perRow = read.extent(), p.hadamardSize = read.extent();
  const bool fits = p.rank <= p.inputSize && p.perRow <= p.rank && p.inputSize <= p.hadamardSize;
  const bool power = (p.hadamardSize & (p.hadamardSize - 1)) == 0;
  if (read.refusal() == nullptr && !(fits && power && p.hadamardSize <= 65536)) read.refuse("NATIVE_ARGUMENTS");
  return p;
}

/** Floats of the tables and of so many threads' tiles: `scratchBytes` of the contract. */
int64_t fastScratch(const FastProjection& p, int64_t threads) {
  constexpr int64_t laneCount = 16;
  const int64_t tables = p.sparse ? p.inputSize * p.perRow : p.inputSize + p.hadamardSize;
  return roundUpTo(tables, laneCount) + threads * laneCount * (p.sparse ? p.rank : p.hadamardSize);
}

void fastMatrix(Runner& r) {
  FastMatrixCall c{};
  c.stored = storedType(r.read);
  c.projection = fastProjection(r.read);
  c.out = r.read.values(c.stored, r.read.product(c.projection.inputSize, c.projection.rank));
  if (!r.ok()) return;
  c.scratch = r.read.floats(fastScratch(c.projection, 0));
  if (r.ok()) r.kernels.fastMatrix(r.pool, c);
}

void fastProject(Runner& r) {
  FastProjectCall c{};
  c.stored = storedType(r.read);
  c.projection = fastProjection(r.read);
  c.rows = r.read.extent();
  c.x = r.read.values(c.stored, r.read.product(c.rows, c.projection.inputSize));
  c.out = r.read.values(c.stored, r.read.product(c.rows, c.projection.rank));
  if (!r.ok()) return;
  c.scratch = r.read.floats(fastScratch(c.projection, poolThreads(r.pool)));
  if (r.ok()) r.kernels.fastProject(r.pool, c);
}

void fastExpand(Runner& r) {
  FastExpandCall c{};
  c.xStored = storedType(r.read), c.outStored = storedType(r.read);
  c.projection = fastProjection(r.read);
  c.rows = r.read.extent();
  c.x = r.read.values(c.xStored, r.read.product(c.projection.rank, c.rows));
  c.out = r.read.values(c.outStored, r.read.product(c.rows, c.projection.inputSize));
  if (!r.ok()) return;
  c.scratch = r.read.floats(fastScratch(c.projection, poolThreads(r.pool)));
  if (r.ok()) r.kernels.fastExpand(r.pool, c);
}

void singularVectors(Runner& r) {
  SingularVectorsCall c{};
  c.outStored = storedType(r.read);
  c.rows = r.read.extent(), c.columns = r.read.extent(), c.wanted = r.read.extent();
  c.x = r.read.floats(r.read.product(c.rows, c.columns));
  c.out = r.read.values(c.outStored, r.read.product(c.wanted, c.columns));
  c.scratch = r.read.floats(r.read.product(c.rows, 3));
  if (c.wanted > c.rows) r.read.refuse("NATIVE_ARGUMENTS");
  if (r.ok()) r.kernels.singularVectors(r.pool, c);
}

void channelScale(Runner& r) {
  ChannelScaleCall c{};
  c.stored = storedType(r.read), c.projectedStored = storedType(r.read);
  c.rows = r.read.extent(), c.columns = r.read.extent();
  c.projectedRows = r.read.extent(), c.projectedColumns = r.read.extent();
  const int64_t channels = r.read.whole();
  if (channels > 2) r.read.refuse("NATIVE_ARGUMENTS");
  c.channels = static_cast<Channels>(channels);
  const int64_t projected = r.read.product(c.projectedRows, c.projectedColumns);
  c.x = r.read.values(c.stored, r.read.product(c.rows, c.columns));
  c.projected = r.read.values(c.projectedStored, projected);
  c.direction = r.read.values(c.projectedStored, projected);
  c.scratch = r.read.floats(c.channels == Channels::rows ? c.rows : c.channels == Channels::columns ? c.columns : 1);
  const bool fits = (c.channels != Channels::rows || c.rows == c.projectedRows) &&
                    (c.channels != Channels::columns || c.columns == c.projectedColumns);
  if (!fits) r.read.refuse("NATIVE_ARGUMENTS");
  if (r.ok()) r.kernels.channelScale(r.pool, c);
}

void limitGrowth(Runner& r) {
  LimitGrowthCall c{};
  c.stored = storedType(r.read);
  c.count = r.read.extent();
  c.factor = r.read.number();
  c.x = r.read.values(c.stored, c.count);
  c.previous = r.read.floats(1);
  constexpr int64_t blockElements = 16384;  // normBlockElements of the contract
  c.scratch = r.read.floats((c.count + blockElements - 1) / blockElements);
  if (r.ok()) r.kernels.limitGrowth(r.pool, c);
}

void layerNorm(Runner& r) {
  LayerNormCall c{};
  c.stored = storedType(r.read);
  c.tokens = r.read.extent(), c.width = r.read.extent();
  c.epsilon = r.read.real();
  const int64_t count = r.read.product(c.tokens, c.width);
  c.x = r.read.values(c.stored, count);
  c.weight = r.read.values(c.stored, c.width);
  c.bias = r.read.values(c.stored, c.width);
  c.out = r.read.values(c.stored, count);
  c.mean = r.read.floats(c.tokens);
  c.rstd = r.read.floats(c.tokens);
  if (r.ok()) r.kernels.layerNorm(r.pool, c);
}

void layerNormBackward(Runner& r) {
  LayerNormBackwardCall c{};
  c.stored = storedType(r.read);
  c.tokens = r.read.extent(), c.width = r.read.extent();
  c.accumulate = r.read.flag();
  const int64_t count = r.read.product(c.tokens, c.width);
  c.x = r.read.values(c.stored, count);
  c.mean = r.read.floats(c.tokens);
  c.rstd = r.read.floats(c.tokens);
  c.weight = r.read.values(c.stored, c.width);
  c.dy = r.read.values(c.stored, count);
  c.dx = r.read.values(c.stored, count);
  c.dWeight = r.read.optionalValues(c.stored, c.width);
  c.dBias = r.read.optionalValues(c.stored, c.width);
  const int64_t sums = (c.dWeight != nullptr ? 1 : 0) + (c.dBias != nullptr ? 1 : 0);
  if (sums > 0) c.scratch = r.read.floats(r.read.product(sums * rowBlocks(c.tokens), c.width));
  if (r.ok()) r.kernels.layerNormBackward(r.pool, c);
}

void gelu(Runner& r) {
  GeluCall c{};
  c.stored = storedType(r.read);
  c.count = r.read.extent();
  c.exact = r.read.flag();
  c.x = r.read.values(c.stored, c.count);
  c.out = r.read.values(c.stored, c.count);
  if (r.ok()) r.kernels.gelu(r.pool, c);
}

void geluBackward(Runner& r) {
  GeluBackwardCall c{};
  c.stored = storedType(r.read);
  c.count = r.read.extent();
  c.exact = r.read.flag();
  c.x = r.read.values(c.stored, c.count);
  c.dy = r.read.values(c.stored, c.count);
  c.dx = r.read.values(c.stored, c.count);
  if (r.ok()) r.kernels.geluBackward(r.pool, c);
}

void tanh(Runner& r) {
  TanhCall c{};
  c.stored = storedType(r.read);
  c.count = r.read.extent();
  c.x = r.read.values(c.stored, c.count);
  c.out = r.read.values(c.stored, c.count);
  if (r.ok()) r.kernels.tanh(r.pool, c);
}

void tanhBackward(Runner& r) {
  TanhBackwardCall c{};
  c.stored = storedType(r.read);
  c.count = r.read.extent();
  c.y = r.read.values(c.stored, c.count);
  c.dy = r.read.values(c.stored, c.count);
  c.dx = r.read.values(c.stored, c.count);
  if (r.ok()) r.kernels.tanhBackward(r.pool, c);
}

void addBias(Runner& r) {
  AddBiasCall c{};
  c.stored = storedType(r.read), c.biasStored = storedType(r.read);
  c.rows = r.read.extent(), c.columns = r.read.extent();
  c.x = r.read.values(c.stored, r.read.product(c.rows, c.columns));
  c.bias = r.read.values(c.biasStored, c.columns);
  c.out = r.read.values(c.stored, r.read.product(c.rows, c.columns));
  if (r.ok()) r.kernels.addBias(r.pool, c);
}

void columnSum(Runner& r) {
  ColumnSumCall c{};
  c.xStored = storedType(r.read), c.outStored = storedType(r.read);
  c.rows = r.read.extent(), c.columns = r.read.extent();
  c.x = r.read.values(c.xStored, r.read.product(c.rows, c.columns));
  c.out = r.read.values(c.outStored, c.columns);
  c.scratch = r.read.floats(r.read.product(rowBlocks(c.rows), c.columns));
  if (r.ok()) r.kernels.columnSum(r.pool, c);
}

void dropout(Runner& r) {
  DropoutCall c{};
  c.stored = storedType(r.read);
  c.rows = r.read.extent(), c.columns = r.read.extent();
  c.threshold = r.read.word();
  c.factor = r.read.real();
  c.key0 = r.read.word(), c.key1 = r.read.word();
  const int64_t count = r.read.product(c.rows, c.columns);
  c.x = r.read.values(c.stored, count);
  c.residual = r.read.optionalValues(c.stored, count);
  c.out = r.read.values(c.stored, count);
  c.mask = r.read.optionalBytes(count);
  if (r.ok()) r.kernels.dropout(r.pool, c);
}

void dropoutBackward(Runner& r) {
  DropoutBackwardCall c{};
  c.stored = storedType(r.read);
  c.count = r.read.extent();
  c.factor = r.read.real();
  c.dy = r.read.values(c.stored, c.count);
  c.mask = r.read.bytes(c.count);
  c.dx = r.read.values(c.stored, c.count);
  if (r.ok()) r.kernels.dropoutBackward(r.pool, c);
}

void squaredError(Runner& r) {
  SquaredErrorCall c{};
  c.stored = storedType(r.read);
  c.count = r.read.extent();
  c.scale = r.read.number();
  c.predictions = r.read.values(c.stored, c.count);
  c.targets = r.read.floats(c.count);
  c.loss = r.read.floats(1);
  c.dPredictions = r.read.optionalValues(c.stored, c.count);
  if (r.ok()) r.kernels.squaredError(r.pool, c);
}

using OpFunction = void (*)(Runner&);

constexpr OpFunction opFunctions[] = {
    gemm,   embedding,  embeddingBackward, rmsNorm, rmsNormBackward, rope,  attention,   attentionBackward,
    swiglu, swigluBackward, logSoftmax,    nllLoss, nllLossBackward, crossEntropy, fill, copy,
    add,    scale,      adamW,             adamDirection, squaredNorm, clipFactor, random, orthonormalize,
    axpby,  quantize, dequantize, slopeCodes, slopeBackward, silu, multiply, scaleColumns, subtokenDirection, subtokenProject,
    subtokenExpand,
    fastMatrix, fastProject, fastExpand,
    adam8bitDirection, adamMiniDirection, adafactorDirection, normalize,
    singularVectors, channelScale, limitGrowth,
    layerNorm, layerNormBackward, gelu, geluBackward, tanh, tanhBackward, addBias, columnSum, dropout, dropoutBackward,
    squaredError,
};

}  // namespace

Refusal runOp(int32_t code, const KernelTable& kernels, Pool* pool, const Arena& arena, const double* slots) {
  constexpr int32_t count = sizeof opFunctions / sizeof opFunctions[0];
  if (code < 0 || code >= count) return "NATIVE_ARGUMENTS";
  Runner runner{kernels, pool, Reader(slots, arena)};
  opFunctions[code](runner);
  return runner.read.refusal();
}

}  // namespace compact
