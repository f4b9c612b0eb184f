import { InputError } from '../../engine/index.js';
import type { ModelConfig } from '../../models/index.js';
import type { MemoryPlan } from '../../plan/index.js';
import { type OptionValues, readOptions } from '../option-table.js';
import { methodOptions, refinementOptions } from '../options.js';
import { choosePlan } from '../plan-choice.js';

/** One combination of methods with its refinements. */
export interface StudyMethod {
  /** As it was written. */
  readonly label: string;
  readonly values: OptionValues<typeof methodOptions>;
}

const example = 'like full,lean+adam8bit,full+compact@n/4,compact@n/4:moments=reset:warm-restart=10';

/**
 * `full+compact@n/4:projection=srht` → both names, the rank, and what refines them.
 *
 * @throws InputError where a part is not understood
 */
export function readStudyMethod(label: string): StudyMethod {
  const [, names, rank, rest = ''] = /^([a-z0-9+-]+)(?:@([^:]+))?((?::[a-z0-9-]+=[^:]+)*)$/.exec(label) ?? [];
  if (names === undefined) throw new InputError(`--methods: "${label}" is no combination of methods`, example);
  const given: Record<string, string> = { method: names.replaceAll('+', ',') };
  if (rank !== undefined) given.rank = rank;
  for (const pair of rest.split(':').slice(1)) {
    const [name, value] = pair.split('=');
    const key = name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
    if (!Object.hasOwn(refinementOptions, key)) {
      throw new InputError(`--methods: "${label}": nothing is refined by "${name}"`, example);
    }
    given[key] = value;
  }
  return { label, values: readOptions(methodOptions, given) };
}

/** The plan of a method of a study; what is wrong with it is said with its label. */
export async function studyPlan({ label, values }: StudyMethod, config: ModelConfig): Promise<MemoryPlan> {
  try {
    return await choosePlan(values, config);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(`--methods: "${label}": ${error.message}`, error.hint);
  }
}
