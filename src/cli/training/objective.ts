import { InputError } from '../../engine/index.js';
import { isEncoder } from '../../models/index.js';
import type { ModelChoice } from '../model-choice.js';

/** What is predicted: the next token, or tokens that are masked. */
export type Objective = 'clm' | 'mlm';

/**
 * The model with the head that pre-training needs.
 *
 * @throws InputError if the objective is not one for the model
 */
export function forObjective(choice: ModelChoice, objective: Objective | undefined): ModelChoice {
  const { config, name } = choice;
  const own = isEncoder(config) ? 'mlm' : 'clm';
  if (objective !== undefined && objective !== own) {
    throw new InputError(`--objective ${objective}: ${name} is a ${config.modelType}`, `leave it out, or say ${own}`);
  }
  return isEncoder(config) ? { ...choice, config: { ...config, head: 'masked-lm' } } : choice;
}
