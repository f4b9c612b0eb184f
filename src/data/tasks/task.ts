import { InputError } from '../../engine/errors.js';
import type { MetricName } from './metrics.js';

/** What is asked of an encoder. */
export type Objective = 'classification' | 'regression';

/** A task whose examples are a text, or a pair of texts, with one label each. */
export interface Task {
  readonly name: string;
  readonly objective: Objective;
  /** Names of the classes in the order of their ids; undefined: taken from the training data. */
  readonly labels: readonly string[] | undefined;
  /** What is measured; the first is the one that the best checkpoint is chosen by. */
  readonly metrics: readonly [MetricName, ...MetricName[]];
}

const classification = { objective: 'classification', labels: undefined, metrics: ['accuracy'] } as const;
const entailment = { objective: 'classification', metrics: ['accuracy'] } as const;

/**
 * GLUE's tasks with its own metrics (Wang et al., arXiv 1804.07461), class ids as in its usual releases; IMDb; and the two
 * general ones.
 */
export const tasks = {
  cola: { objective: 'classification', labels: ['unacceptable', 'acceptable'], metrics: ['matthews', 'accuracy'] },
  sst2: { objective: 'classification', labels: ['negative', 'positive'], metrics: ['accuracy'] },
  mrpc: { objective: 'classification', labels: ['not_equivalent', 'equivalent'], metrics: ['f1', 'accuracy'] },
  stsb: { objective: 'regression', labels: undefined, metrics: ['pearson', 'spearman'] },
  qqp: { objective: 'classification', labels: ['not_duplicate', 'duplicate'], metrics: ['f1', 'accuracy'] },
  mnli: { ...entailment, labels: ['entailment', 'neutral', 'contradiction'] },
  qnli: { ...entailment, labels: ['entailment', 'not_entailment'] },
  rte: { ...entailment, labels: ['entailment', 'not_entailment'] },
  wnli: { ...entailment, labels: ['not_entailment', 'entailment'] },
  imdb: { ...classification, labels: ['negative', 'positive'] },
  classification,
  regression: { objective: 'regression', labels: undefined, metrics: ['pearson', 'spearman', 'mse'] },
} as const satisfies Record<string, Omit<Task, 'name'>>;

export type TaskName = keyof typeof tasks;

export const taskNames = Object.keys(tasks) as readonly TaskName[];

/** Tasks whose files have a layout of their own, so that `--data` may be a directory. */
export type BenchmarkName = Exclude<TaskName, 'classification' | 'regression'>;

export function isBenchmark(name: TaskName): name is BenchmarkName {
  return name !== 'classification' && name !== 'regression';
}

export function taskNamed(name: TaskName): Task {
  return { name, ...tasks[name] };
}

/** The classes of a task in the order of their ids. */
export class LabelSet {
  readonly names: readonly string[];
  readonly #ids: ReadonlyMap<string, number>;

  /** @throws InputError if there are fewer than two classes, or one twice */
  constructor(names: readonly string[]) {
    this.names = names;
    this.#ids = new Map(names.map((name, id) => [name, id]));
    if (this.#ids.size !== names.length) throw new InputError(`the labels ${names.join(', ')} name one class twice`);
    if (names.length < 2) {
      throw new InputError(`one class (${names.join(', ')}) is nothing to choose from`, 'label at least two classes');
    }
  }

  /** The distinct labels of training data, numbers in the order of their values, else sorted as text. */
  static of(labels: Iterable<string>): LabelSet {
    const names = [...new Set(labels)];
    const numeric = names.every((name) => name.trim() !== '' && Number.isFinite(Number(name)));
    return new LabelSet(names.sort(numeric ? (a, b) => Number(a) - Number(b) : undefined));
  }

  /** @param where place in a file, for the message */
  idOf(name: string, where: string): number {
    const id = this.#ids.get(name);
    if (id !== undefined) return id;
    const known = this.names.length > 12 ? [...this.names.slice(0, 12), '...'] : this.names;
    throw new InputError(
      `${where}: the label ${JSON.stringify(name)} is none of the task's: ${known.join(', ')}`,
      'correct the row, or name all classes with --labels',
    );
  }
}
