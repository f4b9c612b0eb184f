import { z } from 'zod';
import type { Direction, GradientSpace } from './direction.js';
import { adafactorDirection, adafactorSchema } from './directions/adafactor.js';
import { adamDirection } from './directions/adam.js';
import { adam8bitDirection, adam8bitSchema } from './directions/adam-8bit.js';
import { adamMiniDirection, adamMiniSchema } from './directions/adam-mini.js';
import { muonDirection, muonSchema } from './directions/muon.js';
import { sgdDirection } from './directions/sgd.js';
import { directedUpdater, type ParameterUpdater, type UpdateTarget } from './parameter-updater.js';

/** How optimizer state is represented: in the gradient's own space, or in a subspace an updater projects to. */
export const directionSchema = z.discriminatedUnion('name', [
  z.strictObject({ name: z.literal('adamw') }),
  z.strictObject({ name: z.literal('sgd') }),
  adam8bitSchema,
  adamMiniSchema,
  adafactorSchema,
  muonSchema,
]);
export type DirectionSpec = z.infer<typeof directionSchema>;

/** How a parameter is updated, with the method's own numbers: a section of the memory plan. */
export const updateSchema = directionSchema;
export type UpdateSpec = z.infer<typeof updateSchema>;

export function createDirection(spec: DirectionSpec, space: GradientSpace): Direction {
  switch (spec.name) {
    case 'adamw':
      return adamDirection(space);
    case 'sgd':
      return sgdDirection(space);
    case 'adam8bit':
      return adam8bitDirection(space, spec);
    case 'adam-mini':
      return adamMiniDirection(space, spec);
    case 'adafactor':
      return adafactorDirection(space, spec);
    case 'muon':
      return muonDirection(space, spec);
  }
}

export function createUpdater(spec: UpdateSpec, target: UpdateTarget): ParameterUpdater {
  return directedUpdater(target, createDirection(spec, target.space));
}
