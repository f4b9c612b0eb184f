import type { Engine, Tensor } from '../../engine/index.js';
import { PlanError, type ProjectionSource, type Sketch } from '../../keep/index.js';
import type { Direction } from '../direction.js';

/** What becomes of the moments of a compressed gradient when its projection changes. */
export interface MomentRules {
  /** `transport`: M ← c·P_newᵀ·P_old·M with c = 1/(1+e²), the factor of least squared error. */
  readonly first: 'keep' | 'reset' | 'transport';
  readonly second: 'keep' | 'reset';
  /** w: in step τ after a change updates are multiplied by min(1, (τ+1)/w). */
  readonly warmRestart: number | null;
  /** Whether directions change a block at a time, which has a rule of its own; the others must then be `keep` and null. */
  readonly staggered: boolean;
  /** T, steps between changes. */
  readonly updateGap: number;
}

/**
 * A direction whose moments follow the changes of the projection. Random subspaces of one gradient have nearly nothing in
 * common: what a moment gathered in the last one is noise of full size in the next for 1/(1 − β) steps.
 *
 * A moment that starts again has its own bias correction, counted from the change: M̂ = M/(1 − β1^(τ+1)).
 *
 * @throws PlanError where the optimizer has no such moments
 */
export function renewedMoments(
  engine: Engine,
  name: string,
  direction: Direction,
  sketch: Sketch,
  projections: ProjectionSource,
  rules: MomentRules,
): Direction {
  const { first, second, warmRestart, updateGap } = rules;
  const momentOf = (ending: string): Tensor => {
    const moment = direction.state.get(ending);
    if (moment) return moment;
    throw new PlanError(
      `plan: "${name}" has no ${ending} that could be reset or transported`,
      'moments follow the projection with adamw and adam-mini only',
    );
  };
  const firstMoment = first === 'keep' ? undefined : momentOf('exp_avg');
  const secondMoment = second === 'keep' ? undefined : momentOf('exp_avg_sq');
  return {
    state: direction.state,
    take(gradient, factor, context) {
      const since = context.step % updateGap;
      if (since === 0 && context.step > 0) {
        if (firstMoment && first === 'reset') engine.run('fill', { out: firstMoment, value: 0 });
        if (firstMoment && first === 'transport') projections.transport(sketch, firstMoment);
        if (secondMoment) engine.run('fill', { out: secondMoment, value: 0 });
      }
      const growth = warmRestart === null ? 1 : Math.min(1, (since + 1) / warmRestart);
      direction.take(gradient, factor * growth, {
        ...context,
        momentSteps: {
          first: first === 'reset' ? since : context.step,
          second: second === 'reset' ? since : context.step,
        },
      });
    },
    [Symbol.dispose]: () => direction[Symbol.dispose](),
  };
}

/** Whether step t transports moments, for which it makes both projections. */
export function transports({ first, updateGap }: MomentRules, step: number): boolean {
  return first === 'transport' && step > 0 && step % updateGap === 0;
}
