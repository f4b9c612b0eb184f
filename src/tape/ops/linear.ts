import type { FloatType, Tensor } from '../../engine/index.js';
import type { Parameter } from '../parameter.js';
import type { Tape } from '../tape.js';
import type { Value } from '../value.js';
import { addLowRank } from './low-rank.js';

/**
 * Linear layer O = X·Wᵀ with W as [out, in] (Hugging Face's layout), optionally plus a residual and a bias.
 *
 * An adapter of the weight adds its low-rank branch.
 *
 * Keeps `${slot}.input` for the weight's gradient, in the form that the plan says; ∂L/∂X = D·W needs the weight only.
 *
 * @param slot for example `layers.0.mlp.up_proj`
 * @param x [N, in]
 * @param weight [out, in]
 * @param residual [N, out], added to the product
 * @param bias [out], added to every row
 * @param dtype what the output is stored in; like the input where left out
 */
export function linear(
  tape: Tape,
  slot: string,
  x: Value,
  weight: Parameter,
  residual?: Value,
  bias?: Parameter,
  dtype?: FloatType,
): Value {
  const y = denseProduct(tape, slot, x, weight, residual, bias, dtype);
  return weight.adapter ? addLowRank(tape, slot, x, y, weight.adapter) : y;
}

function denseProduct(
  tape: Tape,
  slot: string,
  x: Value,
  weight: Parameter,
  residual: Value | undefined,
  bias: Parameter | undefined,
  dtype: FloatType | undefined,
): Value {
  const { engine } = tape;
  const [tokens] = x.shape;
  const w = weight.tensor;
  const parameters = bias ? [weight, bias] : [weight];
  const run = ([a, addend]: readonly Tensor[], [y]: readonly Tensor[]) => {
    engine.run('gemm', { a, b: w, transB: true, out: y, ...(addend && { addend }) });
    if (bias) engine.run('addBias', { x: y, bias: bias.tensor, out: y });
  };
  const [out] = tape.apply({
    cost: 'gemm',
    inputs: residual ? [x, residual] : [x],
    parameters,
    outputs: [{ name: `${slot}.output`, shape: [tokens, w.shape[0]], ...(dtype && { dtype }) }],
    run,
    runRows: (_, inputs, outputs) => run(inputs, outputs),
  });
  if (!out.requiresGradient || !tape.keeper) return out;
  const kept = weight.trainable ? tape.keeper.keepInput(tape, `${slot}.input`, x, weight) : undefined;
  tape.record(kept ? [kept] : [], parameters, () => {
    const dy = tape.takeGradient(out);
    kept?.weightGradient(dy);
    kept?.release();
    if (bias?.trainable) tape.addToParameterGradient(bias, (sum) => engine.run('columnSum', { x: dy, out: sum }));
    tape.addGradient(x, (dx, accumulate) => engine.run('gemm', { a: dy, b: w, out: dx, accumulate }));
    if (residual) tape.passGradient(residual, dy);
    else engine.release(dy);
  });
  return out;
}
