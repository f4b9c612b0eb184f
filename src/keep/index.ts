/**
 * @module keep
 * The forms in which saved tensors are kept, sketches and their projections.
 */
export { type Form, formNames, forms, isSketchForm } from './form.js';
export { PlanError } from './plan-error.js';
export {
  type ProjectionFamily,
  type ProjectionSource,
  Projections,
  projectionFamilies,
  type Sketch,
} from './sketch.js';
export { Sketcher } from './sketching.js';
export { type KeepingRules, SlotKeeper, type SlotRecord } from './slot-keeper.js';
