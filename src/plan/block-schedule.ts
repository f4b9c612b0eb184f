import { deriveKey, permutation } from '../engine/index.js';
import { blockOf } from '../keep/index.js';
import type { Parameter } from '../tape/index.js';
import type { BlockCoordinatePlan } from './memory-plan.js';

const isEmbedding = /embed|\bwte\.|\bwpe\./;

/**
 * Which weights block coordinate descent trains in which step (BAdam, arXiv 2404.02827): the embeddings, each transformer block,
 * and the rest take turns of `switchEvery` steps. A pure function of the seed and the step.
 */
export class BlockSchedule {
  /** Blocks from the embeddings to the head; frozen weights belong to none. */
  readonly blocks: readonly (readonly Parameter[])[];
  readonly #plan: BlockCoordinatePlan;
  readonly #seed: number;

  constructor(parameters: readonly Parameter[], plan: BlockCoordinatePlan, seed: number) {
    this.blocks = blocksOf(parameters.filter(({ trainable }) => trainable));
    this.#plan = plan;
    this.#seed = seed;
  }

  /** The block that step t (completed steps before it) trains, and how many steps of its turn are over. */
  at(step: number): { readonly block: number; readonly stepOfTurn: number } {
    const turn = Math.floor(step / this.#plan.switchEvery);
    const count = this.blocks.length;
    const [pass, place] = [Math.floor(turn / count), turn % count];
    return { block: this.#order(pass)[place], stepOfTurn: step % this.#plan.switchEvery };
  }

  /** The first step of each turn in the first pass. */
  get firstPass(): readonly number[] {
    return this.blocks.map((_, place) => place * this.#plan.switchEvery);
  }

  /** The first step that trains the block. */
  stepOf(block: number): number {
    return this.#order(0).indexOf(block) * this.#plan.switchEvery;
  }

  #order(pass: number): readonly number[] {
    const ascending = this.blocks.map((_, index) => index);
    if (this.#plan.order === 'ascending') return ascending;
    if (this.#plan.order === 'descending') return ascending.reverse();
    return [...permutation(deriveKey(this.#seed, 'blockOrder', 0, pass), ascending.length)];
  }
}

function blocksOf(parameters: readonly Parameter[]): readonly (readonly Parameter[])[] {
  const embeddings: Parameter[] = [];
  const inner = new Map<number, Parameter[]>();
  const rest: Parameter[] = [];
  for (const parameter of parameters) {
    const number = blockOf(parameter.name);
    if (number !== undefined) inner.set(number, [...(inner.get(number) ?? []), parameter]);
    else if (isEmbedding.test(parameter.name)) embeddings.push(parameter);
    else rest.push(parameter);
  }
  const blocks = [...inner].sort(([a], [b]) => a - b).map(([, members]) => members);
  return [embeddings, ...blocks, rest].filter((members) => members.length > 0);
}
