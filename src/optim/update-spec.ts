import { z } from 'zod';
import { rankSchema } from '../keep/index.js';
import type { Direction, GradientSpace } from './direction.js';
import { adafactorDirection, adafactorSchema } from './directions/adafactor.js';
import { adamDirection } from './directions/adam.js';
import { adam8bitDirection, adam8bitSchema } from './directions/adam-8bit.js';
import { adamMiniDirection, adamMiniSchema } from './directions/adam-mini.js';
import { muonDirection, muonSchema } from './directions/muon.js';
import { sgdDirection } from './directions/sgd.js';
import { directedUpdater, type ParameterUpdater, type UpdateTarget } from './parameter-updater.js';
import { apolloUpdater } from './subspace/apollo.js';
import { galoreUpdater } from './subspace/galore.js';
import { basisKinds } from './subspace/leading-basis.js';

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

const galoreSchema = z.strictObject({
  name: z.literal('galore'),
  /** r, relative to the smaller side of each matrix. */
  rank: rankSchema,
  /** T, steps between new bases. */
  updateGap: z.number().int().positive(),
  basis: z.enum(basisKinds),
  /** State in the subspace. */
  direction: directionSchema,
});
export type GaloreSpec = z.infer<typeof galoreSchema>;

const apolloSchema = z.strictObject({
  name: z.literal('apollo'),
  /** r, relative to the smaller side of each matrix. */
  rank: rankSchema,
  /** T, steps between new projections. */
  updateGap: z.number().int().positive(),
  /** One factor per channel of the larger side, or one for the matrix. */
  scaling: z.enum(['channel', 'tensor']),
  /** State in the subspace. */
  direction: directionSchema,
});
export type ApolloSpec = z.infer<typeof apolloSchema>;

/** How a parameter is updated, with the method's own numbers: a section of the memory plan. */
export const updateSchema = z.discriminatedUnion('name', [...directionSchema.options, galoreSchema, apolloSchema]);
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
  if (spec.name === 'galore' || spec.name === 'apollo') {
    const directionOf = (shape: readonly number[]) => createDirection(spec.direction, { ...target.space, shape });
    return spec.name === 'galore' ? galoreUpdater(target, spec, directionOf) : apolloUpdater(target, spec, directionOf);
  }
  return directedUpdater(target, createDirection(spec, target.space));
}
