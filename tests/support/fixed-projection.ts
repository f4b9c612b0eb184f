import type { Engine, OpArgs, Tensor } from '../../src/engine/index.js';
import type { ProjectionSource, Sketch } from '../../src/keep/index.js';

/** Gives a fixed matrix P [n, r], row by row, as every projection. */
export function fixedProjection(engine: Engine, values: Float64Array): ProjectionSource {
  const run = ({ inputSize, rank }: Sketch, args: (p: Tensor) => OpArgs['gemm']) => {
    const p = engine.allocate({ shape: [inputSize, rank], role: 'projection', name: 'fixed' });
    engine.write(p, values);
    engine.run('gemm', args(p));
    engine.release(p);
  };
  return {
    transport: () => {},
    project: (sketch, x, out) => run(sketch, (p) => ({ a: x, b: p, out })),
    expand: (sketch, u, out) => run(sketch, (p) => ({ a: u, b: p, transA: true, transB: true, out, accumulate: true })),
  };
}
