import { hasTokenizer, loadTokenizer, loadTokenizerFor, type Tokenizer } from '../data/index.js';
import { InputError } from '../engine/index.js';

/**
 * The tokenizer that `--tokenizer` names, else the one in the model's directory; undefined where there is neither.
 *
 * @param data corpus that `char` takes its vocabulary from
 * @throws InputError if it cannot be read
 */
export async function chooseTokenizer(
  spec: string | undefined,
  directory: string | undefined,
  data?: readonly string[],
): Promise<Tokenizer | undefined> {
  if (spec !== undefined) return data === undefined ? loadTokenizer(spec) : loadTokenizerFor(spec, data);
  return directory !== undefined && hasTokenizer(directory) ? loadTokenizer(directory) : undefined;
}

/** @throws InputError if the tokenizer can give ids that the model has no embedding for */
export function requireFittingTokenizer(tokenizer: Tokenizer, vocabSize: number, resizable: boolean): void {
  if (tokenizer.vocabSize <= vocabSize) return;
  throw new InputError(
    `the tokenizer has ${tokenizer.vocabSize} tokens, the model's vocabulary only ${vocabSize}`,
    resizable ? `add --vocab-size ${tokenizer.vocabSize}` : 'use the tokenizer that belongs to the model',
  );
}
