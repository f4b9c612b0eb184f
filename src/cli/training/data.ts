import {
  MaskedWindows,
  maskingRecipe,
  openTokens,
  splitWindows,
  type Tokenizer,
  type TokenSource,
  textLength,
  Windows,
  type WindowsOptions,
} from '../../data/index.js';
import { InputError } from '../../engine/index.js';
import { isEncoder } from '../../models/index.js';
import type { HostBatch } from '../../plan/index.js';
import type { TrainingData, TrainingSettings } from '../../train/index.js';
import type { OptionValues } from '../option-table.js';
import type { GlobalValues, trainingOptions } from '../options.js';
import type { Output } from '../output.js';
import { Progress } from '../progress.js';

type DataValues = OptionValues<typeof trainingOptions> & GlobalValues;

/** The batches of a run. */
export interface RunData extends Disposable {
  readonly training: TrainingData;
  /** Undefined where nothing is held out. */
  readonly validation: (() => Iterable<HostBatch>) | undefined;
  /** Windows of the training data. */
  readonly windows: number;
}

/**
 * Opens the data of a run, encoding text where that was not done before.
 *
 * @throws InputError if it cannot be used with these settings
 */
export async function openRunData(
  values: DataValues,
  settings: Pick<TrainingSettings, 'config' | 'batch' | 'sequenceLength' | 'seed'>,
  tokenizer: Tokenizer | undefined,
  output: Output,
): Promise<RunData> {
  const { val, valFraction } = values;
  const masking = isEncoder(settings.config) ? maskingRecipe(requireTokenizer(tokenizer)) : undefined;
  if (val && valFraction !== undefined) throw new InputError('--val and --val-fraction exclude each other');
  const opened: TokenSource[] = [];
  const open = async (data: readonly string[]): Promise<TokenSource> => {
    const source = await openWithProgress(data, tokenizer, settings.config.vocabSize, output);
    opened.push(source);
    return source;
  };
  const close = () => {
    for (const source of opened) source.close();
  };
  try {
    const options = {
      sequenceLength: masking ? textLength(masking, settings.sequenceLength) : settings.sequenceLength,
      batchSize: settings.batch,
      order: values.order,
      seed: settings.seed,
    };
    const divided = await divide(values, options, open);
    const asBatches = (windows: Windows) => (masking ? new MaskedWindows(windows, masking, settings.seed) : windows);
    const train = asBatches(divided.train);
    const validation = divided.validation && asBatches(divided.validation);
    return {
      training: {
        // The order is not among the settings, but a run cannot be resumed with another one.
        fingerprint: `${train.fingerprint} ${values.order}`,
        batch: (index) => train.batch(index),
      },
      validation: validation && (() => validation.inOrder(values.maxEvalWindows)),
      windows: train.count,
      [Symbol.dispose]: close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

async function divide(
  { data, val, valFraction }: DataValues,
  options: WindowsOptions,
  open: (data: readonly string[]) => Promise<TokenSource>,
): Promise<{ readonly train: Windows; readonly validation?: Windows }> {
  const source = await open(data);
  if (valFraction !== undefined) return splitWindows(source, options, valFraction);
  const train = new Windows(source, options);
  return val ? { train, validation: new Windows(await open(val), { ...options, order: 'sequential' }) } : { train };
}

/** @throws InputError if there is none */
export function requireTokenizer(tokenizer: Tokenizer | undefined): Tokenizer {
  if (tokenizer) return tokenizer;
  throw new InputError('masked language modelling needs a tokenizer', 'add --tokenizer');
}

/** Tokens of a corpus; tells how far the encoding is. */
export async function openWithProgress(
  data: readonly string[],
  tokenizer: Tokenizer | undefined,
  vocabSize: number,
  output: Output,
): Promise<TokenSource> {
  using progress = new Progress(output);
  return await openTokens({
    data,
    tokenizer,
    vocabSize,
    onProgress: (done, total) => progress.show(`encoding ${data.join(', ')}: ${percent(done, total)}`),
  });
}

function percent(done: number, total: number): string {
  return `${Math.floor((100 * done) / Math.max(total, 1))} %`;
}
