import type { Engine } from '../engine/index.js';
import type { RopeTables } from '../tape/index.js';

/**
 * Angles of rotary position embedding (arXiv 2104.09864): position·theta^(−2i/d), computed in float64 on the host so that
 * every engine turns by the same angles.
 *
 * @param headWidth d
 */
export function makeRopeTables(engine: Engine, positions: number, headWidth: number, theta: number): RopeTables {
  const half = headWidth / 2;
  const angle = (index: number) => Math.floor(index / half) * theta ** (-(index % half) / half);
  const table = (name: string, of: (angle: number) => number) => {
    const tensor = engine.allocate({ shape: [positions, half], role: 'data', name });
    engine.write(tensor, () => Float32Array.from({ length: positions * half }, (_, index) => of(angle(index))));
    return tensor;
  };
  return { cos: table('rope.cos', Math.cos), sin: table('rope.sin', Math.sin) };
}
