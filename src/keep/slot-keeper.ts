import { byteLength, bytesPerElement, type DType, packedBytes, sizeOf } from '../engine/index.js';
import type {
  Activation,
  Keeper,
  Kept,
  KeptInput,
  KeptSlope,
  Parameter,
  ReplayCost,
  Tape,
  Value,
} from '../tape/index.js';
import { type Form, isRestorable, isSketchForm, quantizedBits, type RestorableForm, storesTensor } from './form.js';
import type { Offloader } from './offloading.js';
import type { PassPosition } from './pass-position.js';
import { PlanError } from './plan-error.js';
import { keepQuantized, quantizedBytes } from './quantizing.js';
import { canBeReplayed } from './replay-sources.js';
import { exactWeightGradient, keepBf16, keepExact, keepReplay } from './restoring.js';
import type { Sketch } from './sketch.js';
import type { Sketcher } from './sketching.js';
import type { SlotKeys } from './slot-keys.js';
import { keepStepSlope } from './step-slope.js';
import type { Subtoken, Subtokens } from './subtokens.js';
import { mixedTokens, type TokenSketcher } from './token-sketching.js';

/** The plan as the keeper sees it. */
export interface KeepingRules {
  /** Form of a slot. */
  formOf(slot: string): Form;
  /** Sketch of a linear weight, where the plan compresses its gradient. */
  sketchOf(weight: Parameter): Sketch | undefined;
  /** α, the fraction of the tokens that `offload-part` moves. */
  readonly offloadFraction: number;
  /** k/N of token sketches. */
  readonly tokenRatio: number;
  /** How the input of a linear weight is cut, where the plan keeps sub-tokens. */
  subtokenOf(weight: Parameter): Subtoken | undefined;
}

/** What the forms of a run work with; each serves the whole run. */
export interface KeepingMeans {
  readonly sketcher: Sketcher;
  readonly subtokens: Subtokens;
  readonly tokenSketcher: TokenSketcher;
  readonly keys: SlotKeys;
  /** Where the plan moves tensors to a slower tier. */
  readonly offloader?: Offloader | undefined;
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
  /** What it holds; only floats can be rounded. */
  readonly dtype: DType;
  readonly consumer: 'linear' | 'nonlinear';
  /** What making the tensor again would cost; undefined for inputs of the pass. */
  readonly replayCost: ReplayCost | undefined;
}

/** Keeps each slot in the form the rules give it. */
export class SlotKeeper implements Keeper {
  readonly #rules: KeepingRules;
  readonly #means: KeepingMeans;
  readonly #onSlot: ((record: SlotRecord) => void) | undefined;

  /**
   * @param onSlot told what became of each slot
   */
  constructor(rules: KeepingRules, means: KeepingMeans, onSlot?: (record: SlotRecord) => void) {
    this.#rules = rules;
    this.#means = means;
    this.#onSlot = onSlot;
  }

  /** To be called before each forward pass. */
  moveTo(position: PassPosition): void {
    this.#means.keys.moveTo(position);
    this.#means.subtokens.moveTo(position);
  }

  wants(slot: string): boolean {
    return storesTensor(this.#rules.formOf(slot));
  }

  keepsSlope(slot: string): boolean {
    return this.#rules.formOf(slot) === 'step2';
  }

  keepSlope(tape: Tape, slot: string, input: Value, activation: Activation): KeptSlope {
    this.#note(slot, 'step2', input, 'nonlinear');
    return keepStepSlope(tape, slot, input, activation);
  }

  sharesOutput(slot: string): boolean {
    return this.#rules.formOf(slot) === 'shared-norm';
  }

  keep(tape: Tape, slot: string, value: Value): Kept {
    const form = this.#rules.formOf(slot);
    this.#means.offloader?.reach(slot);
    if (!isRestorable(form)) {
      throw new PlanError(
        `plan: "${slot}" feeds a non-linear op and cannot be a ${form}`,
        `a ${form} does not give the tensor back; a wrong input here would spoil all earlier layers`,
      );
    }
    this.#note(slot, form, value, 'nonlinear');
    return this.#keepRestorable(tape, slot, value, form);
  }

  keepInput(tape: Tape, slot: string, input: Value, weight: Parameter): KeptInput {
    const form = this.#rules.formOf(slot);
    this.#means.offloader?.reach(slot);
    if (isRestorable(form)) {
      this.#note(slot, form, input, 'linear');
      return exactWeightGradient(tape, this.#keepRestorable(tape, slot, input, form), weight);
    }
    if (form === 'subtoken') return this.#keepSubtokens(tape, slot, input, weight);
    if (form === 'token-sketch') {
      const { tokenSketcher } = this.#means;
      this.#note(slot, form, input, 'linear', tokenSketcher.holds(input) ? 0 : input.shape[1]);
      return tokenSketcher.keep(tape, slot, input, weight, this.#rules.tokenRatio);
    }
    if (!isSketchForm(form)) throw new PlanError(`plan: "${slot}" feeds a linear layer and cannot be a ${form}`);
    const { sketcher } = this.#means;
    const sketch = this.#rules.sketchOf(weight);
    if (!sketch) throw new PlanError(`plan: "${slot}" is a ${form}, but "${weight.name}" has no sketch`);
    const already = input.keptExactly;
    this.#note(slot, form, input, 'linear', sketcher.holds(input, sketch) ? 0 : sketch.rank);
    if (form === 'sketch') return sketcher.keepSketch(tape, slot, input, weight, sketch);
    const kept = already ? keepExact(slot, input) : keepReplay(input);
    return sketcher.keepLateSketch(tape, slot, input, weight, sketch, kept);
  }

  #keepSubtokens(tape: Tape, slot: string, input: Value, weight: Parameter): KeptInput {
    const subtoken = this.#rules.subtokenOf(weight);
    if (!subtoken) throw new PlanError(`plan: "${slot}" is a subtoken, but "${weight.name}" is not cut`);
    this.#note(slot, 'subtoken', input, 'linear', Math.ceil(subtoken.inputSize / subtoken.size));
    return this.#means.subtokens.keep(tape, slot, input, weight, subtoken);
  }

  #keepRestorable(tape: Tape, slot: string, value: Value, form: RestorableForm): Kept {
    switch (form) {
      case 'exact':
        return keepExact(slot, value);
      case 'bf16':
        if (value.dtype === 'bf16') return keepExact(slot, value);
        refuseIntegers(slot, value, form);
        return keepBf16(tape, slot, value);
      case 'quant-8':
      case 'quant-4':
      case 'quant-2':
        refuseIntegers(slot, value, form);
        return keepQuantized(tape, slot, value, quantizedBits[form], this.#means.keys.of(slot));
      case 'offload':
        return this.#offload(slot, value, value.shape[0]);
      case 'offload-part':
        return this.#offloadPart(slot, value);
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

  #offload(slot: string, value: Value, tokens: number): Kept {
    const { offloader } = this.#means;
    if (!offloader) throw new PlanError(`plan: "${slot}" is to be offloaded, but there is nowhere to`);
    return offloader.keep(slot, value, tokens);
  }

  /** A value whose tokens cannot be computed again by themselves (masks of dropout are those of whole tensors) goes whole. */
  #offloadPart(slot: string, value: Value): Kept {
    const tokens = Math.floor(this.#rules.offloadFraction * value.shape[0]);
    if (tokens === 0) return keepReplay(value);
    return this.#offload(slot, value, value.rowwise ? tokens : value.shape[0]);
  }

  /** @param columns numbers per token that a form with a width of its own stores */
  #note(slot: string, form: Form, value: Value, consumer: SlotRecord['consumer'], columns = 0): void {
    if (!this.#onSlot) return;
    const count = sizeOf(value.shape);
    const exactBytes = byteLength(value.shape, value.dtype);
    const keptExactly = value.keptExactly ? 0 : exactBytes;
    const held = canBeReplayed(value) ? 0 : exactBytes;
    const stored: { readonly [F in Form]: number } = {
      exact: keptExactly,
      bf16: value.dtype === 'bf16' ? keptExactly : value.encoded ? 0 : 2 * count,
      'quant-8': value.encoded ? 0 : quantizedBytes(count, 8),
      'quant-4': value.encoded ? 0 : quantizedBytes(count, 4),
      'quant-2': value.encoded ? 0 : quantizedBytes(count, 2),
      offload: 0,
      'offload-part': 0,
      alias: 0,
      replay: held,
      'replay-gemm': held,
      sketch: bytesPerElement[value.dtype] * value.shape[0] * columns,
      'late-sketch': 0,
      subtoken: bytesPerElement[value.dtype] * value.shape[0] * columns,
      'token-sketch': bytesPerElement[value.dtype] * mixedTokens(value.shape[0], this.#rules.tokenRatio) * columns,
      step2: packedBytes(count, 2),
      'shared-norm': 0,
    };
    this.#onSlot({
      slot,
      value: value.name,
      form,
      bytes: stored[form],
      exactBytes,
      dtype: value.dtype,
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

function refuseIntegers(slot: string, { tensor: { dtype } }: Value, form: Form): void {
  if (dtype !== 'f32' && dtype !== 'bf16') throw new PlanError(`plan: "${slot}" holds ${dtype} and cannot be ${form}`);
}
