import { byteLength, sizeOf } from '../engine/index.js';
import type { Keeper, Kept, KeptInput, Parameter, ReplayCost, Tape, Value } from '../tape/index.js';
import { type Form, isSketchForm } from './form.js';
import { PlanError } from './plan-error.js';
import { canBeReplayed } from './replay-sources.js';
import { exactWeightGradient, keepBf16, keepExact, keepReplay } from './restoring.js';
import type { Sketch } from './sketch.js';
import type { Sketcher } from './sketching.js';

/** The plan as the keeper sees it. */
export interface KeepingRules {
  /** Form of a slot. */
  formOf(slot: string): Form;
  /** Sketch of a linear weight, where the plan compresses its gradient. */
  sketchOf(weight: Parameter): Sketch | undefined;
}

/** What became of one slot in a forward pass. */
export interface SlotRecord {
  readonly slot: string;
  /** The value that is kept; slots of the same value share what exact ones hold. */
  readonly value: string;
  readonly form: Form;
  /** Bytes this slot adds to what is saved; 0 where another slot holds the same storage. */
  readonly bytes: number;
  /** Bytes the tensor has when kept exactly. */
  readonly exactBytes: number;
  readonly consumer: 'linear' | 'nonlinear';
  /** What making the tensor again would cost; undefined for inputs of the pass. */
  readonly replayCost: ReplayCost | undefined;
}

/** Keeps each slot in the form the rules give it. */
export class SlotKeeper implements Keeper {
  readonly #rules: KeepingRules;
  readonly #sketcher: Sketcher | undefined;
  readonly #onSlot: ((record: SlotRecord) => void) | undefined;

  /**
   * @param sketcher needed where the rules sketch a weight
   * @param onSlot told what became of each slot
   */
  constructor(rules: KeepingRules, sketcher?: Sketcher, onSlot?: (record: SlotRecord) => void) {
    this.#rules = rules;
    this.#sketcher = sketcher;
    this.#onSlot = onSlot;
  }

  wants(slot: string): boolean {
    const form = this.#rules.formOf(slot);
    return form === 'exact' || form === 'bf16';
  }

  keep(tape: Tape, slot: string, value: Value): Kept {
    const form = this.#rules.formOf(slot);
    if (isSketchForm(form)) {
      throw new PlanError(
        `plan: "${slot}" feeds a non-linear op and cannot be a ${form}`,
        'a sketch gives only the weight gradient of a linear layer; a wrong input here would spoil all earlier layers',
      );
    }
    this.#note(slot, form, value, 'nonlinear');
    return this.#keepRestorable(tape, slot, value, form);
  }

  keepInput(tape: Tape, slot: string, input: Value, weight: Parameter): KeptInput {
    const form = this.#rules.formOf(slot);
    if (!isSketchForm(form)) {
      this.#note(slot, form, input, 'linear');
      return exactWeightGradient(tape, this.#keepRestorable(tape, slot, input, form), weight);
    }
    const sketch = this.#rules.sketchOf(weight);
    if (!sketch || !this.#sketcher)
      throw new PlanError(`plan: "${slot}" is a ${form}, but "${weight.name}" has no sketch`);
    const already = input.keptExactly;
    this.#note(slot, form, input, 'linear', this.#sketcher.holds(input, sketch) ? 0 : sketch.rank);
    if (form === 'sketch') return this.#sketcher.keepSketch(tape, slot, input, weight, sketch);
    const kept = already ? keepExact(slot, input) : keepReplay(input);
    return this.#sketcher.keepLateSketch(tape, slot, input, weight, sketch, kept);
  }

  #keepRestorable(tape: Tape, slot: string, value: Value, form: Exclude<Form, 'sketch' | 'late-sketch'>): Kept {
    switch (form) {
      case 'exact':
        return keepExact(slot, value);
      case 'bf16':
        if (value.tensor.dtype !== 'f32') {
          throw new PlanError(`plan: "${slot}" holds ${value.tensor.dtype} and cannot be bf16`);
        }
        return keepBf16(tape, slot, value);
      case 'alias':
        if (!value.keptExactly) {
          throw new PlanError(
            `plan: "${slot}" is an alias, but no earlier slot keeps the same tensor exactly`,
            'give it the form exact, or keep the tensor exactly where it is used first',
          );
        }
        return keepExact(slot, value);
      case 'replay':
      case 'replay-gemm':
        if (!value.recipe) throw new PlanError(`plan: "${slot}" is an input of the pass and cannot be a ${form}`);
        if (form === 'replay' && value.recipe.cost === 'gemm') {
          throw new PlanError(
            `plan: "${slot}" cannot be a replay: computing it again takes a matrix product`,
            'use the form replay-gemm if that time is to be spent',
          );
        }
        return keepReplay(value);
      default:
        return form satisfies never;
    }
  }

  #note(slot: string, form: Form, value: Value, consumer: SlotRecord['consumer'], rank = 0): void {
    if (!this.#onSlot) return;
    const exactBytes = byteLength(value.shape, value.tensor.dtype);
    const held = canBeReplayed(value) ? 0 : exactBytes;
    const stored: { readonly [F in Form]: number } = {
      exact: value.keptExactly ? 0 : exactBytes,
      bf16: value.encoded ? 0 : 2 * sizeOf(value.shape),
      alias: 0,
      replay: held,
      'replay-gemm': held,
      sketch: 4 * value.shape[0] * rank,
      'late-sketch': 0,
    };
    this.#onSlot({
      slot,
      value: value.name,
      form,
      bytes: stored[form],
      exactBytes,
      consumer,
      replayCost: replayCost(value),
    });
  }
}

/** An op that wrote over its first input has to make that again, too. */
function replayCost({ recipe }: Value): ReplayCost | undefined {
  if (!recipe) return undefined;
  return recipe.takesOver && recipe.inputs[0]?.recipe?.cost === 'gemm' ? 'gemm' : recipe.cost;
}
