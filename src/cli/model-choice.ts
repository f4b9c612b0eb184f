import { InputError } from '../engine/index.js';
import { longestSequence, type ModelConfig, modelShapes, openModelSource } from '../models/index.js';

/** The model that `--model` and `--vocab-size` describe. */
export interface ModelChoice {
  /** As the user named it. */
  readonly name: string;
  readonly config: ModelConfig;
  /** Directory with weights and tokenizer; undefined for presets and bare configurations. */
  readonly directory: string | undefined;
}

/** @throws InputError if there is no such model */
export function chooseModel(values: { readonly model: string; readonly vocabSize?: number | undefined }): ModelChoice {
  const { config, directory } = openModelSource(values.model);
  const { model: name, vocabSize } = values;
  return { name, config: vocabSize === undefined ? config : { ...config, vocabSize }, directory };
}

/**
 * A model that is to be used as it is.
 *
 * @throws InputError if it has no weights
 */
export function chooseTrainedModel(name: string): ModelChoice & { readonly directory: string } {
  const { config, directory } = openModelSource(name);
  if (directory === undefined) {
    throw new InputError(`${name}: has no weights`, 'name the directory of a trained or converted model');
  }
  return { name, config, directory };
}

/** Number of weights. */
export function countParameters(config: ModelConfig): number {
  let count = 0;
  for (const shape of modelShapes(config).values()) count += shape.reduce((product, length) => product * length, 1);
  return count;
}

/** Tokens per sequence where `--seq` does not say. */
const usualSequenceLength = 256;

/** @throws InputError if the sequence is longer than the model allows */
export function chooseSequenceLength(
  seq: number | undefined,
  config: ModelConfig,
  usual = usualSequenceLength,
): number {
  const most = longestSequence(config);
  if (seq === undefined) return Math.min(usual, most);
  if (seq <= most) return seq;
  throw new InputError(
    `--seq: sequences of ${seq} tokens are longer than the ${most} that the model allows`,
    'lower --seq, or raise max_position_embeddings in a config.json',
  );
}
