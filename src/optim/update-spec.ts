import { z } from 'zod';
import type { Direction, GradientSpace } from './direction.js';
import { adamDirection } from './directions/adam.js';
import { directedUpdater, type ParameterUpdater, type UpdateTarget } from './parameter-updater.js';

/** How optimizer state is represented: in the gradient's own space, or in a subspace an updater projects to. */
export const directionSchema = z.discriminatedUnion('name', [z.strictObject({ name: z.literal('adamw') })]);
export type DirectionSpec = z.infer<typeof directionSchema>;

/** How a parameter is updated, with the method's own numbers: a section of the memory plan. */
export const updateSchema = directionSchema;
export type UpdateSpec = z.infer<typeof updateSchema>;

export function createDirection(spec: DirectionSpec, space: GradientSpace): Direction {
  switch (spec.name) {
    case 'adamw':
      return adamDirection(space);
  }
}

export function createUpdater(spec: UpdateSpec, target: UpdateTarget): ParameterUpdater {
  return directedUpdater(target, createDirection(spec, target.space));
}
