import type { Tensor } from '../../engine/index.js';
import type { Parameter } from '../parameter.js';
import type { Tape } from '../tape.js';
import type { Value } from '../value.js';

/**
 * RMSNorm by rows, y = γ∘x·rstd.
 *
 * Keeps `${slot}.input` and `${slot}.rstd`; and `${slot}.normalized`, the copy x·rstd that usual frameworks keep, where the
 * plan stores it. Where the plan lets the norm share its output (γ = 1, thus y = x·rstd), it keeps `${slot}.output` instead of
 * the input: the next linear layers keep the same storage (memory-sharing norms of arXiv 2406.16282).
 *
 * @param x [N, n]
 * @param weight γ, [n]
 */
export function rmsNorm(tape: Tape, slot: string, x: Value, weight: Parameter, epsilon: number): Value {
  const { engine } = tape;
  const [tokens] = x.shape;
  const gamma = weight.tensor;
  const shares = tape.keeper?.sharesOutput(`${slot}.input`) ?? false;
  const storesNormalized = !shares && (tape.keeper?.wants(`${slot}.normalized`) ?? false);
  const run = ([input]: readonly Tensor[], [out, rstdOut, normalizedOut]: readonly Tensor[]) =>
    engine.run('rmsNorm', {
      x: input,
      weight: gamma,
      out,
      rstd: rstdOut,
      epsilon,
      ...(normalizedOut && { normalized: normalizedOut }),
    });
  const [y, rstd, normalized] = tape.apply({
    cost: 'elementwise',
    inputs: [x],
    parameters: [weight],
    outputs: [
      { name: `${slot}.output`, shape: x.shape },
      { name: `${slot}.rstd`, shape: [tokens], dtype: 'f32' },
      ...(storesNormalized ? [{ name: `${slot}.normalized`, shape: x.shape }] : []),
    ],
    run,
    runRows: (_, inputs, outputs) => run(inputs, outputs),
  });
  if (y.requiresGradient) {
    const keptInput = shares ? tape.keep(`${slot}.output`, y) : tape.keep(`${slot}.input`, x);
    const keptRstd = tape.keep(`${slot}.rstd`, rstd);
    const keptNormalized = storesNormalized ? tape.keep(`${slot}.normalized`, normalized) : undefined;
    const kept = [keptInput, keptRstd, ...(keptNormalized ? [keptNormalized] : [])];
    tape.record(kept, [weight], () => {
      const dy = tape.takeGradient(y);
      const source = keptNormalized ?? keptInput;
      const shared = {
        x: source.restore(),
        normalized: shares || keptNormalized !== undefined,
        rstd: keptRstd.restore(),
        weight: gamma,
        dy,
      };
      const backward = (dWeight: { dWeight?: typeof gamma }) =>
        tape.addGradientAnyway(x, (dx, accumulate) =>
          engine.run('rmsNormBackward', { ...shared, dx, accumulate, ...dWeight }),
        );
      if (weight.trainable) tape.addToParameterGradient(weight, (dWeight) => backward({ dWeight }));
      else backward({});
      for (const one of kept) one.release();
      engine.release(dy);
    });
  }
  tape.release(rstd, ...(normalized ? [normalized] : []));
  return y;
}
