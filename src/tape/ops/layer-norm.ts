import type { Parameter } from '../parameter.js';
import type { Tape } from '../tape.js';
import type { Value } from '../value.js';

/** γ and β, [n] each. */
export interface LayerNormWeights {
  readonly weight: Parameter;
  readonly bias: Parameter;
}

/**
 * LayerNorm by rows, y = γ∘(x − mean)·rstd + β. Keeps `${slot}.input`, `${slot}.mean` and `${slot}.rstd`.
 *
 * @param x [N, n]
 */
export function layerNorm(
  tape: Tape,
  slot: string,
  x: Value,
  { weight, bias }: LayerNormWeights,
  epsilon: number,
): Value {
  const { engine } = tape;
  const [tokens] = x.shape;
  const [gamma, beta] = [weight.tensor, bias.tensor];
  const [y, mean, rstd] = tape.apply({
    cost: 'elementwise',
    inputs: [x],
    parameters: [weight, bias],
    outputs: [
      { name: `${slot}.output`, shape: x.shape },
      { name: `${slot}.mean`, shape: [tokens], dtype: 'f32' },
      { name: `${slot}.rstd`, shape: [tokens], dtype: 'f32' },
    ],
    run: ([input], [out, meanOut, rstdOut]) =>
      engine.run('layerNorm', { x: input, weight: gamma, bias: beta, out, mean: meanOut, rstd: rstdOut, epsilon }),
  });
  if (y.requiresGradient) {
    const kept = {
      x: tape.keep(`${slot}.input`, x),
      mean: tape.keep(`${slot}.mean`, mean),
      rstd: tape.keep(`${slot}.rstd`, rstd),
    };
    tape.record(Object.values(kept), [weight, bias], () => {
      const dy = tape.takeGradient(y);
      const dWeight = weight.trainable ? tape.zeroedGradient(weight) : undefined;
      const dBias = bias.trainable ? tape.zeroedGradient(bias) : undefined;
      const read = { x: kept.x.restore(), mean: kept.mean.restore(), rstd: kept.rstd.restore(), weight: gamma, dy };
      tape.addGradientAnyway(x, (dx, accumulate) =>
        engine.run('layerNormBackward', {
          ...read,
          dx,
          accumulate,
          ...(dWeight && { dWeight }),
          ...(dBias && { dBias }),
        }),
      );
      for (const one of Object.values(kept)) one.release();
      engine.release(dy);
    });
  }
  tape.release(mean, rstd);
  return y;
}
