import type { RandomKey, Tensor } from '../engine/index.js';

/** Constants that updates of all kinds share; each kind's own stand in the plan. */
export interface AdamWSettings {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /**
   * Where ε stands: `standard` U = M̂/(√V̂ + ε); `uncorrected` adds ε to √V before the bias correction, as the released
   * code of CompAct and GaLore does.
   */
  readonly epsilonForm: 'standard' | 'uncorrected';
  /** Decoupled decay λ: W ← (1 − lr·λ)·W, on tensors of two or more dimensions. */
  readonly weightDecay: number;
}

/** What the update of one step needs besides gradients. */
export interface StepContext {
  /** t, completed steps before this one. */
  readonly step: number;
  readonly learningRate: number;
  /** [1]; gradients are multiplied by it first. */
  readonly gradientScale?: Tensor;
  /** Steps since each moment was 0, where that was not at the start. */
  readonly momentSteps?: { readonly first: number; readonly second: number };
  /** Key of this parameter and step for the stochastic rounding of what is stored in bf16. */
  readonly rounding?: RandomKey;
}
