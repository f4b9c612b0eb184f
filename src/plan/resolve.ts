import { InputError } from '../engine/index.js';
import type { Form, KeepingRules, Sketch, Subtoken } from '../keep/index.js';
import { isSketchForm, PlanError, resolveRank } from '../keep/index.js';
import type { MergeableNorm, SketchableLinear, TrainableModel } from '../models/index.js';
import type { UpdateRule } from '../optim/index.js';
import type { Parameter } from '../tape/index.js';
import type { AdapterPlan, MemoryPlan, SketchPlan, SubtokenPlan } from './memory-plan.js';
import { matches, ruleFinder } from './pattern.js';

/** A plan applied to a model: what the keeper and the optimizer ask, and all sketches. */
export interface ResolvedPlan extends KeepingRules {
  readonly sketches: readonly Sketch[];
  readonly subtokens: readonly Subtoken[];
  /** Norms whose γ is to go into the next linear layers, because backward works from the norms' outputs. */
  readonly mergedNorms: readonly MergeableNorm[];
  updateRule(parameter: Parameter): UpdateRule;
}

/**
 * Applies a plan to a model, whose weights it freezes or not.
 *
 * @throws PlanError where the plan's parts contradict each other, InputError where a rank does not fit
 */
export function resolvePlan(plan: MemoryPlan, model: TrainableModel): ResolvedPlan {
  refuseTurnsWithRenewals(plan);
  freeze(plan, model);
  const sketched = plan.sketches ? sketchesByWeight(plan.sketches, trainedLinears(model)) : new Map<string, Sketch>();
  const cut = plan.subtokens ? subtokensByWeight(plan.subtokens, trainedLinears(model)) : new Map<string, Subtoken>();
  const slotRule = ruleFinder(plan.slots);
  const scaleRule = ruleFinder(plan.updateScales);
  const optimizerRule = ruleFinder(plan.optimizer);
  const forms = new Map<string, Form>();
  const formOf = (slot: string) => {
    const form = forms.get(slot) ?? slotRule(slot)?.form ?? 'exact';
    forms.set(slot, form);
    return form;
  };
  for (const { slot, weight } of trainedLinears(model)) {
    const form = formOf(slot);
    if (isSketchForm(form) !== sketched.has(weight)) {
      throw new PlanError(
        isSketchForm(form)
          ? `plan: "${slot}" is a ${form}, but "${weight}" is not among the sketched weights`
          : `plan: "${weight}" is sketched, but its input "${slot}" has the form ${form}`,
      );
    }
    if ((form === 'subtoken') !== cut.has(weight)) {
      throw new PlanError(
        form === 'subtoken'
          ? `plan: "${slot}" is a subtoken, but "${weight}" is not among the weights of subtokens`
          : `plan: "${weight}" is among the weights of subtokens, but its input "${slot}" has the form ${form}`,
      );
    }
  }
  if (model.mergeableNorms.length === 0 && plan.slots.some(({ form }) => form === 'shared-norm')) {
    throw new InputError(
      'msnorm makes γ of a norm part of the next weights, and the norms of this model have a β beside it',
      'leave msnorm out; it is for models with RMSNorm (llama)',
    );
  }
  const mergedNorms = model.mergeableNorms.filter(({ slot }) => formOf(slot) === 'shared-norm');
  const merged = new Set(mergedNorms.map(({ weight }) => weight));
  // γ is 1 and part of the next weights, which are trained in its place.
  for (const parameter of model.parameters) if (merged.has(parameter.name)) parameter.trainable = false;
  return {
    sketches: [...sketched.values()],
    subtokens: [...cut.values()],
    mergedNorms,
    formOf,
    sketchOf: (weight) => sketched.get(weight.name),
    offloadFraction: plan.offloadFraction,
    tokenRatio: plan.tokenRatio,
    subtokenOf: (weight) => cut.get(weight.name),
    updateRule(parameter) {
      // A lifted gradient is a dense one to the optimizer; only its values come from a subspace.
      const own = sketched.get(parameter.name);
      const sketch = own?.lifted ? undefined : own;
      const scale = own ? plan.sketches?.scale : scaleRule(parameter.name)?.scale;
      const rule = optimizerRule(parameter.name);
      if (!rule)
        throw new PlanError(`plan: no optimizer is given for "${parameter.name}"`, 'add a rule that matches "*"');
      return { update: rule.update, sketch, scale: scale ?? 1, ...(sketch && momentRules(plan)) };
    },
  };
}

/** @throws InputError where a pattern names no weight, or nothing is left to train */
function freeze({ frozen, adapters }: MemoryPlan, { parameters }: TrainableModel): void {
  const idle = frozen.find((pattern) => !parameters.some(({ name }) => matches(pattern, name)));
  if (idle !== undefined) throw new InputError(`frozen weights: nothing matches "${idle}"`, hintNames(parameters));
  for (const parameter of parameters) {
    const { name } = parameter;
    parameter.trainable = isTrained(name, adapters) && !frozen.some((pattern) => matches(pattern, name));
  }
  if (!parameters.some(({ trainable }) => trainable)) throw new InputError('every weight is frozen');
}

/** With adapters these alone are trained, and what the plan names beside them. */
function isTrained(name: string, adapters: AdapterPlan | null): boolean {
  if (!adapters || matches('*.lora_B.weight', name)) return true;
  if (matches('*.lora_A.weight', name)) return adapters.trainDown;
  return adapters.trained.some((pattern) => matches(pattern, name));
}

function hintNames(parameters: readonly Parameter[]): string {
  return `names are like ${parameters[0].name}; * stands for anything`;
}

function trainedLinears({ sketchableLinears, parameters }: TrainableModel): readonly SketchableLinear[] {
  const trained = new Set(parameters.filter(({ trainable }) => trainable).map(({ name }) => name));
  return sketchableLinears.filter(({ weight }) => trained.has(weight));
}

function sketchesByWeight(plan: SketchPlan, linears: readonly SketchableLinear[]): Map<string, Sketch> {
  const groups = new Map<string, number>();
  for (const { inputGroup } of linears) if (!groups.has(inputGroup)) groups.set(inputGroup, groups.size);
  const sketched = new Map<string, Sketch>();
  for (const [index, { weight, inputSize, inputGroup }] of linears.entries()) {
    if (!plan.weights.some((pattern) => matches(pattern, weight))) continue;
    sketched.set(weight, {
      group: plan.share ? (groups.get(inputGroup) ?? 0) : index,
      inputSize,
      rank: resolveRank(plan.rank, inputSize, weight),
      family: plan.projection,
      ...(plan.basis !== 'random' && { basis: plan.basis }),
      ...(plan.gradient === 'lifted' && { lifted: true }),
      ...(plan.refresh === 'staggered' && plan.updateGap !== null && { staggered: true }),
    });
  }
  if (sketched.size === 0) throw new PlanError(`plan: no linear layer matches ${plan.weights.join(', ')}`);
  return sketched;
}

/** The rules of moments, where any of them changes with the projection. */
function momentRules({ sketches }: MemoryPlan): Pick<UpdateRule, 'moments'> {
  if (!sketches || sketches.updateGap === null) return {};
  const { moments, updateGap } = sketches;
  const staggered = sketches.refresh === 'staggered';
  const idle = moments.first === 'keep' && moments.second === 'keep' && moments.warmRestart === null;
  return idle && !staggered ? {} : { moments: { ...moments, staggered, updateGap } };
}

function refuseTurnsWithRenewals({ blockCoordinate, sketches }: MemoryPlan): void {
  if (!blockCoordinate || !sketches) return;
  if (sketches.basis === 'random' && sketches.moments.first !== 'transport') return;
  throw new PlanError(
    'plan: blocks that take turns leave out the steps in which bases or moments would follow the projections',
    'use a random basis and moments that are kept or reset',
  );
}

function subtokensByWeight(plan: SubtokenPlan, linears: readonly SketchableLinear[]): Map<string, Subtoken> {
  const cut = new Map<string, Subtoken>();
  for (const { weight, inputSize } of linears) {
    if (!plan.weights.some((pattern) => matches(pattern, weight))) continue;
    cut.set(weight, { weight, inputSize, size: Math.ceil(inputSize / plan.groups), scale: plan.scale });
  }
  if (cut.size === 0) throw new PlanError(`plan: no linear layer matches ${plan.weights.join(', ')}`);
  return cut;
}
