import type { Parameter } from '../parameter.js';
import type { Tape } from '../tape.js';
import type { Value } from '../value.js';

/**
 * RMSNorm by rows, y = γ∘x·rstd.
 *
 * Keeps `${slot}.input` and `${slot}.rstd`; and `${slot}.normalized`, the copy x·rstd that usual frameworks keep, where the
 * plan stores it.
 *
 * @param x [N, n]
 * @param weight γ, [n]
 */
export function rmsNorm(tape: Tape, slot: string, x: Value, weight: Parameter, epsilon: number): Value {
  const { engine } = tape;
  const [tokens] = x.shape;
  const gamma = weight.tensor;
  const storesNormalized = tape.keeper?.wants(`${slot}.normalized`) ?? false;
  const [y, rstd, normalized] = tape.apply({
    cost: 'elementwise',
    inputs: [x],
    parameters: [weight],
    outputs: [
      { name: `${slot}.output`, shape: x.shape },
      { name: `${slot}.rstd`, shape: [tokens] },
      ...(storesNormalized ? [{ name: `${slot}.normalized`, shape: x.shape }] : []),
    ],
    run: ([input], [out, rstdOut, normalizedOut]) =>
      engine.run('rmsNorm', {
        x: input,
        weight: gamma,
        out,
        rstd: rstdOut,
        epsilon,
        ...(normalizedOut && { normalized: normalizedOut }),
      }),
  });
  if (y.requiresGradient) {
    const keptInput = tape.keep(`${slot}.input`, x);
    const keptRstd = tape.keep(`${slot}.rstd`, rstd);
    const keptNormalized = storesNormalized ? tape.keep(`${slot}.normalized`, normalized) : undefined;
    tape.record([keptInput, keptRstd, ...(keptNormalized ? [keptNormalized] : [])], [weight], () => {
      const dy = tape.takeGradient(y);
      const source = keptNormalized ?? keptInput;
      const shared = {
        x: source.restore(),
        normalized: keptNormalized !== undefined,
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
      keptNormalized?.release();
      keptRstd.release();
      keptInput.release();
      engine.release(dy);
    });
  }
  tape.release(rstd, ...(normalized ? [normalized] : []));
  return y;
}
