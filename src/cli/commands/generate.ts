import { InputError } from '../../engine/index.js';
import { createCausalModel } from '../../models/index.js';
import type { GenerateValues } from '../command-options.js';
import { continueText, promptTokens } from '../continue-text.js';
import { loadModel } from '../inference.js';
import { chooseTrainedModel } from '../model-choice.js';
import type { Output } from '../output.js';
import { chooseTokenizer, requireFittingTokenizer } from '../tokenizer-choice.js';

/** `compact generate`. */
export async function generateText(values: GenerateValues, output: Output): Promise<undefined> {
  const choice = chooseTrainedModel(values.model);
  const tokenizer = await chooseTokenizer(values.tokenizer, choice.directory);
  if (!tokenizer) throw new InputError(`${values.model}: holds no tokenizer`, 'name one with --tokenizer');
  requireFittingTokenizer(tokenizer, choice.config.vocabSize, false);
  const prompt = promptTokens(tokenizer, values.prompt);
  const positions = Math.min(choice.config.maxPositionEmbeddings, prompt.length + values.maxTokens);
  using loaded = await loadModel(createCausalModel, choice, Math.max(positions, 1), values);
  const started = performance.now();
  const ids: number[] = [];
  let text = '';
  // Shown with the first new text, so that nothing is printed where the prompt is refused.
  let unshown = values.prompt;
  for await (const part of continueText(loaded, tokenizer, prompt, values)) {
    if (part.id !== undefined) ids.push(part.id);
    text += part.text;
    output.stream(unshown + part.text);
    unshown = '';
  }
  output.say(unshown);
  const seconds = (performance.now() - started) / 1000;
  output.result({ prompt: values.prompt, text, tokens: ids.length, ids, tokensPerSecond: ids.length / seconds });
  return undefined;
}
