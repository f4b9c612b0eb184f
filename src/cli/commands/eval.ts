import {
  documentTokens,
  findCorpusFiles,
  MaskedWindows,
  maskingRecipe,
  type Tokenizer,
  type TokenSource,
  textLength,
  Windows,
} from '../../data/index.js';
import { InputError } from '../../engine/index.js';
import { createModel, isEncoder, type ModelConfig } from '../../models/index.js';
import { evaluateBatch, type HostBatch } from '../../plan/index.js';
import { formatCount } from '../../report/index.js';
import { meanLoss } from '../../train/index.js';
import type { EvaluateValues } from '../command-options.js';
import { loadModel } from '../inference.js';
import { chooseSequenceLength, chooseTrainedModel } from '../model-choice.js';
import type { Output } from '../output.js';
import { Progress } from '../progress.js';
import { chooseTokenizer, requireFittingTokenizer } from '../tokenizer-choice.js';
import { openWithProgress } from '../training/data.js';

/** `compact eval`. */
export async function evaluate(values: EvaluateValues, output: Output): Promise<undefined> {
  refuseMixed(values);
  const choice = chooseTrainedModel(values.model);
  const { vocabSize } = choice.config;
  refuseUnfit(choice.config, values);
  const usual = values.byDocument ? choice.config.maxPositionEmbeddings : undefined;
  const sequenceLength = chooseSequenceLength(values.seq, choice.config, usual);
  const tokenizer = await chooseTokenizer(values.tokenizer, choice.directory, values.data);
  if (tokenizer) requireFittingTokenizer(tokenizer, vocabSize, false);
  using source = values.byDocument ? undefined : await openWithProgress(values.data, tokenizer, vocabSize, output);
  const batches = source
    ? windowBatches(source, sequenceLength, values, choice.config, tokenizer)
    : documentBatches(values, requireTokenizer(tokenizer), sequenceLength);
  using loaded = await loadModel(createModel, choice, sequenceLength, values);
  using progress = new Progress(output);
  let tokens = 0;
  const result = await meanLoss(batches, async (batch) => {
    const sum = await evaluateBatch(loaded.engine, loaded.model, batch);
    tokens += sum.tokens;
    progress.show(() => `${formatCount(tokens)} tokens evaluated`);
    return sum;
  });
  output.say(
    `loss ${result.loss.toFixed(4)}, perplexity ${result.perplexity.toFixed(3)}, ${formatCount(result.tokens)} tokens`,
  );
  output.result(result);
  return undefined;
}

function refuseMixed({ byDocument, maxDocuments, maxWindows }: EvaluateValues): void {
  if (byDocument && maxWindows !== undefined) {
    throw new InputError('--max-windows has no meaning with --by-document', 'use --max-documents');
  }
  if (!byDocument && maxDocuments !== undefined) {
    throw new InputError('--max-documents has no meaning without --by-document', 'add --by-document');
  }
}

function requireTokenizer(tokenizer: Tokenizer | undefined): Tokenizer {
  if (tokenizer) return tokenizer;
  throw new InputError('this evaluation needs a tokenizer', 'add --tokenizer');
}

function windowBatches(
  source: TokenSource,
  sequenceLength: number,
  { batch: batchSize, maxWindows, seed }: EvaluateValues,
  config: ModelConfig,
  tokenizer: Tokenizer | undefined,
): Iterable<HostBatch> {
  const masking = isEncoder(config) ? maskingRecipe(requireTokenizer(tokenizer)) : undefined;
  const width = masking ? textLength(masking, sequenceLength) : sequenceLength;
  const windows = new Windows(source, { sequenceLength: width, batchSize, order: 'sequential' });
  return masking ? new MaskedWindows(windows, masking, seed).inOrder(maxWindows) : windows.inOrder(maxWindows);
}

/** @throws InputError if the model has no loss on text */
function refuseUnfit(config: ModelConfig, { byDocument }: EvaluateValues): void {
  if (!isEncoder(config)) return;
  if (config.head !== 'masked-lm') {
    throw new InputError('the encoder has no head for masked tokens', 'evaluate a model of compact pretrain');
  }
  if (byDocument) throw new InputError('--by-document is for models that continue text');
}

/** Documents side by side, the shorter ones filled up at the end, where causal attention does not see the filling. */
async function* documentBatches(
  { data, maxDocuments, batch }: EvaluateValues,
  tokenizer: Tokenizer,
  context: number,
): AsyncGenerator<HostBatch> {
  const limits = { context, ...(maxDocuments !== undefined && { maxDocuments }) };
  let group: Int32Array[] = [];
  for await (const ids of documentTokens(await findCorpusFiles(data), tokenizer, limits)) {
    group.push(ids);
    if (group.length < batch) continue;
    yield padded(group);
    group = [];
  }
  if (group.length > 0) yield padded(group);
}

/** Target that takes no part in the loss. */
const ignored = -100;

function padded(documents: readonly Int32Array[]): HostBatch {
  const sequenceLength = Math.max(...documents.map((ids) => ids.length - 1));
  const inputs = new Int32Array(documents.length * sequenceLength);
  const targets = new Int32Array(documents.length * sequenceLength).fill(ignored);
  for (const [row, ids] of documents.entries()) {
    inputs.set(ids.subarray(0, -1), row * sequenceLength);
    targets.set(ids.subarray(1), row * sequenceLength);
  }
  return { inputs, targets, batch: documents.length, sequenceLength };
}
