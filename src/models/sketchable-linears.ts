import type { SketchableLinear } from './trainable-model.js';

/** Layers of a block whose input is not also kept for a non-linear op, and what reads the same input. */
const linears = [
  ['self_attn.q_proj', 'self_attn'],
  ['self_attn.k_proj', 'self_attn'],
  ['self_attn.v_proj', 'self_attn'],
  ['mlp.gate_proj', 'mlp'],
  ['mlp.up_proj', 'mlp'],
  ['mlp.down_proj', 'mlp.down'],
] as const;

/**
 * The sketchable layers of all blocks, in the order of the forward pass.
 *
 * @param shapes of the model's weights by name; layers that a model does not have are left out
 */
export function sketchableLinears(
  shapes: ReadonlyMap<string, readonly number[]>,
  layers: number,
): readonly SketchableLinear[] {
  return Array.from({ length: layers }, (_, layer) => {
    const at = `layers.${layer}`;
    return linears.flatMap(([name, group]): SketchableLinear[] => {
      const weight = `model.${at}.${name}.weight`;
      const shape = shapes.get(weight);
      return shape ? [{ weight, slot: `${at}.${name}.input`, inputSize: shape[1], inputGroup: `${at}.${group}` }] : [];
    });
  }).flat();
}
