/**
 * @module keep
 * The forms in which saved tensors are kept, sketches and their projections.
 */

export { blockOf } from './block-of.js';
export { type DataBasis, dataBases, leadingDirections, renewBasis } from './data-basis.js';
export { type Form, formNames, forms, isRestorable, isSketchForm, storesTensor } from './form.js';
export { Offloader } from './offloading.js';
export type { PassPosition } from './pass-position.js';
export { PlanError } from './plan-error.js';
export { type RankSpec, rankSchema, resolveRank } from './rank.js';
export {
  type ProjectionFamily,
  type ProjectionSource,
  Projections,
  projectionFamilies,
  type Sketch,
  squaredError,
} from './sketch.js';
export { Sketcher } from './sketching.js';
export { type KeepingMeans, type KeepingRules, SlotKeeper, type SlotRecord } from './slot-keeper.js';
export { SlotKeys } from './slot-keys.js';
export { blockAge, blockEpoch, type StaggeredBlock, staggeredBlocks } from './stagger.js';
export { type Subtoken, Subtokens } from './subtokens.js';
export { TokenSketcher } from './token-sketching.js';
