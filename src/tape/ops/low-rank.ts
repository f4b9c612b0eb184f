import type { LowRankAdapter } from '../parameter.js';
import type { Tape } from '../tape.js';
import type { Value } from '../value.js';

/**
 * The low-rank branch of a linear layer, Y + c·(X·Aᵀ)·Bᵀ (LoRA, arXiv 2106.09685): ∂L/∂B = Dᵀ·U with U = c·X·Aᵀ, which is
 * kept as `${slot}.lora_B.input`, r numbers per token; ∂L/∂A = c·(D·B)ᵀ·X, for which X is kept as `${slot}.lora_A.input`
 * unless A is frozen (LoRA-FA, arXiv 2308.03303); ∂L/∂X gains c·(D·B)·A.
 *
 * @param x [N, in]
 * @param y [N, out], the layer's output without the branch; the caller's hold passes to the result
 */
export function addLowRank(tape: Tape, slot: string, x: Value, y: Value, adapter: LowRankAdapter): Value {
  const { engine } = tape;
  const u = compressed(tape, slot, x, adapter);
  const { up } = adapter;
  const b = up.tensor;
  const [out] = tape.apply({
    cost: 'gemm',
    inputs: [y, u],
    parameters: [up],
    takesOver: true,
    outputs: [{ name: `${slot}.adapted`, shape: y.shape }],
    run: ([base, low], [sum]) => {
      const onTop = base.storage === sum.storage;
      engine.run('gemm', { a: low, b, transB: true, out: sum, ...(onTop ? { accumulate: true } : { addend: base }) });
    },
  });
  if (out.requiresGradient && tape.keeper) {
    const kept = up.trainable ? tape.keeper.keepInput(tape, `${slot}.lora_B.input`, u, up) : undefined;
    tape.record(kept ? [kept] : [], [up], () => {
      const dy = tape.takeGradient(out);
      kept?.weightGradient(dy);
      kept?.release();
      tape.addGradient(u, (du, accumulate) => engine.run('gemm', { a: dy, b, out: du, accumulate }));
      tape.passGradient(y, dy);
    });
  }
  tape.release(u);
  return out;
}

/** U = c·X·Aᵀ, [N, r]. */
function compressed(tape: Tape, slot: string, x: Value, { down, scale: factor }: LowRankAdapter): Value {
  const { engine } = tape;
  const a = down.tensor;
  const [u] = tape.apply({
    cost: 'gemm',
    inputs: [x],
    parameters: [down],
    outputs: [{ name: `${slot}.lora_A.output`, shape: [x.shape[0], a.shape[0]] }],
    run: ([input], [low]) => {
      engine.run('gemm', { a: input, b: a, transB: true, out: low });
      engine.run('scale', { x: low, factor });
    },
  });
  if (!u.requiresGradient || !tape.keeper) return u;
  const kept = down.trainable ? tape.keeper.keepInput(tape, `${slot}.lora_A.input`, x, down) : undefined;
  tape.record(kept ? [kept] : [], [down], () => {
    const du = tape.takeWritableGradient(u);
    engine.run('scale', { x: du, factor });
    kept?.weightGradient(du);
    kept?.release();
    tape.addGradient(x, (dx, accumulate) => engine.run('gemm', { a: du, b: a, out: dx, accumulate }));
    engine.release(du);
  });
  return u;
}
