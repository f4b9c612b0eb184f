import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Tokenizer } from '../../data/index.js';
import { type MemoryPlan, predict, updateSize } from '../../plan/index.js';
import { NonFiniteLossError, Trainer, type TrainingSettings } from '../../train/index.js';
import type { StudyPretrainValues } from '../command-options.js';
import { medianAndSpread } from '../median.js';
import type { ModelChoice } from '../model-choice.js';
import type { Output } from '../output.js';
import { threadsOf } from '../threads.js';
import type { RunData } from '../training/data.js';
import { makeDirectory } from '../training/run-directory.js';
import { chooseSettings } from '../training/settings.js';
import { trainRun } from '../training/train-run.js';
import { fileName } from './file-name.js';
import type { PretrainRow } from './pretrain-rows.js';
import type { Trial } from './rate-search.js';

/** Steps over which two plans that should train to the same bits are followed side by side. */
const stepsToCheck = 60;

export type SettledStudy = Omit<StudyPretrainValues, 'steps'> & { readonly steps: number };

/** One method of the study, ready to train. */
export interface StudyEntry {
  readonly label: string;
  readonly plan: MemoryPlan;
  /** Peak learning rates to try, ascending. */
  readonly rates: readonly number[];
}

/** Trains what a study asks for; models, data and settings are the same for all methods. */
export class PretrainStudy {
  readonly #values: SettledStudy;
  readonly #model: ModelChoice;
  readonly #tokenizer: Tokenizer | undefined;
  readonly #dataOf: (seed: number) => Promise<RunData>;

  constructor(
    values: SettledStudy,
    model: ModelChoice,
    tokenizer: Tokenizer | undefined,
    dataOf: (seed: number) => Promise<RunData>,
  ) {
    this.#values = values;
    this.#model = model;
    this.#tokenizer = tokenizer;
    this.#dataOf = dataOf;
  }

  /** The rates of the grid are those of the blocks: a method that multiplies their updates by α takes them divided by it. */
  entry(label: string, plan: MemoryPlan): StudyEntry {
    const rates = this.#values.lrs.map((rate) => Number((rate / updateSize(plan)).toPrecision(6)));
    return { label, plan, rates };
  }

  /** @throws InputError where the plan cannot run */
  async check({ plan, rates: [lr] }: StudyEntry): Promise<void> {
    await predict(this.#predictionRequest(this.#settings(plan, { lr, seed: 0 })));
  }

  /**
   * Trains once; a run that was stopped goes on.
   *
   * @returns undefined where the signal stopped it
   */
  async train({ label, plan }: StudyEntry, trial: Trial, output: Output, signal: AbortSignal) {
    const settings = this.#settings(plan, trial);
    const name = nameOf(label, trial);
    const directory = this.#directoryOf(label, trial);
    await makeDirectory(directory);
    const options = {
      ...{ engine: this.#values.engine, threads: this.#values.threads, evalEvery: this.#values.evalEvery },
      ...{ memory: undefined, init: undefined, offloadDir: undefined, offloadBandwidth: undefined, resume: true },
    };
    const data = await this.#dataOf(trial.seed);
    const request = { name, directory, model: this.#model, settings, data, tokenizer: this.#tokenizer, options };
    let row: PretrainRow;
    try {
      const { summary, interrupted } = await trainRun({ ...request, showName: true }, output, signal);
      if (interrupted) return undefined;
      row = {
        ...{
          method: label,
          ...trial,
          steps: summary.steps,
          tokens: summary.tokens,
          loss: summary.valLoss ?? undefined,
        },
        ...{ peak: summary.memory.measured.peak, savedPeak: summary.memory.savedPeak, sameAs: '' },
        secondsPerStep: medianAndSpread(summary.stepSeconds ?? [0]).median,
      };
    } catch (error) {
      if (!(error instanceof NonFiniteLossError)) throw error;
      output.note(`${name}: ${error.message}`);
      row = await this.#diverged(label, trial, settings);
    }
    return row;
  }

  /** Removes what a training left: its row is what is kept. */
  async clear({ label }: StudyEntry, trial: Trial): Promise<void> {
    await rm(this.#directoryOf(label, trial), { recursive: true });
  }

  #directoryOf(label: string, trial: Trial): string {
    return join(this.#values.out, 'runs', fileName(nameOf(label, trial)));
  }

  /**
   * Follows two methods side by side for some steps.
   *
   * @returns the row of the second, which stands for a training of the first, or undefined where their weights do not give the same held-out loss
   */
  async repeats(reference: StudyEntry, entry: StudyEntry, trial: Trial): Promise<PretrainRow | undefined> {
    const data = await this.#dataOf(trial.seed);
    const { engine, threads } = this.#values;
    const open = ({ plan }: StudyEntry) =>
      Trainer.open({
        ...{ settings: this.#settings(plan, trial), data: data.training, engine },
        ...(threads !== undefined && { threads }),
      });
    await using first = await open(reference);
    await using second = await open(entry);
    const steps = Math.min(stepsToCheck, this.#values.steps);
    const seconds: number[] = [];
    let tokens = 0;
    for (let step = 0; step < steps; step++) {
      await first.advance();
      const report = await second.advance();
      seconds.push(report.seconds);
      tokens = report.tokens;
    }
    // Not the losses of the steps: logits at once or in chunks add these up in another order. One of many held-out tokens would tell.
    const { validation = () => [] } = data;
    const losses = [await first.evaluate(validation()), await second.evaluate(validation())];
    if (losses[0].loss !== losses[1].loss) return undefined;
    const { peak, peakByRole } = second.engine.ledger.read();
    return {
      ...{ method: entry.label, ...trial, steps, tokens, loss: undefined, sameAs: reference.label },
      ...{ peak, savedPeak: peakByRole.saved, secondsPerStep: medianAndSpread(seconds).median },
    };
  }

  async #diverged(method: string, trial: Trial, settings: TrainingSettings): Promise<PretrainRow> {
    const { memory } = await predict(this.#predictionRequest(settings));
    return {
      ...{ method, ...trial, steps: this.#values.steps, tokens: 0, loss: undefined, sameAs: '' },
      ...{ peak: memory.peak, savedPeak: memory.peakByRole.saved, secondsPerStep: 0 },
    };
  }

  #settings(plan: MemoryPlan, { lr, seed }: Trial): TrainingSettings {
    return chooseSettings({ ...this.#values, lr, seed, memory: undefined }, this.#model.config, plan);
  }

  #predictionRequest(settings: TrainingSettings) {
    return { ...settings, threads: threadsOf(this.#values), clip: settings.clip ?? undefined };
  }
}

function nameOf(label: string, { lr, seed }: Trial): string {
  return `${label} lr ${lr} seed ${seed}`;
}
