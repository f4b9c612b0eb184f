import type { Role } from '../engine/index.js';

/** How one role looks and what it is called, everywhere. */
export interface RoleStyle {
  readonly label: string;
  /** Okabe-Ito, so that neighbours stay apart for colour-blind readers too; chosen to work on light and dark alike. */
  readonly fill: string;
  /** Colour of text on the fill. */
  readonly text: string;
  /** One sentence for the glossary. */
  readonly meaning: string;
}

const dark = '#14181d';
const light = '#ffffff';

export const roleStyles: { readonly [R in Role]: RoleStyle } = {
  weight: {
    label: 'weights',
    fill: '#0072b2',
    text: light,
    meaning: 'The parameters of the model. They are the result of training and always there.',
  },
  gradient: {
    label: 'gradients',
    fill: '#e69f00',
    text: dark,
    meaning: 'One number per weight and step: the direction of improvement. CompAct keeps r×m of them instead of n×m.',
  },
  optimizer: {
    label: 'optimizer states',
    fill: '#009e73',
    text: dark,
    meaning: 'AdamW remembers two running means per gradient entry; compressed gradients have fewer of them.',
  },
  saved: {
    label: 'saved activations',
    fill: '#d55e00',
    text: dark,
    meaning:
      'What the forward pass keeps for the backward pass. It grows with batch and sequence length, and is what the methods here reduce.',
  },
  activation: {
    label: 'values in flight',
    fill: '#56b4e9',
    text: dark,
    meaning: 'Results and gradients that are used at once and freed at once.',
  },
  projection: {
    label: 'projections',
    fill: '#cc79a7',
    text: dark,
    meaning: 'Random matrices that sketch activations, made anew from a seed whenever they are needed.',
  },
  workspace: {
    label: 'scratch',
    fill: '#9aa3ad',
    text: dark,
    meaning: 'Scratch space of the kernels: packed panels of matrices, partial sums of threads.',
  },
  data: {
    label: 'data and tables',
    fill: '#f0e442',
    text: dark,
    meaning: 'Token numbers of the batch, and tables of sines and cosines for the positions.',
  },
  host: {
    label: 'moved to the host',
    fill: '#626d79',
    text: light,
    meaning: 'Bytes moved out of the engine for a while.',
  },
};

/** Order of the segments in a bar: what training must hold first, what methods can change after it. */
export const stackOrder: readonly Role[] = [
  'weight',
  'optimizer',
  'gradient',
  'saved',
  'activation',
  'projection',
  'workspace',
  'data',
  'host',
];

/** Roles that any of these footprints holds bytes in, in the order of the bars. */
export function rolesInUse(byRole: readonly Partial<Record<Role, number>>[]): readonly Role[] {
  return stackOrder.filter((role) => byRole.some((bytes) => (bytes[role] ?? 0) > 0));
}

export const markerShapes = ['circle', 'rect', 'triangle', 'diamond'] as const;
export type MarkerShape = (typeof markerShapes)[number];

/** How one run looks in all charts and legends. */
export interface RunStyle {
  /** A CSS variable of the page, so that the line is light on dark and dark on light. */
  readonly color: string;
  readonly marker: MarkerShape;
}

/** Light and dark variants of the runs' colours; the first, grey, is the run that others are compared with. */
export const runColors: readonly { readonly light: string; readonly dark: string }[] = [
  { light: '#5f6b7a', dark: '#a9b4c0' },
  { light: '#0072b2', dark: '#56b4e9' },
  { light: '#c44e00', dark: '#ff9a5c' },
  { light: '#00805f', dark: '#2fc79a' },
  { light: '#a64d84', dark: '#e2a3c7' },
  { light: '#806600', dark: '#e6c93c' },
  { light: '#4b3fa7', dark: '#aba0ff' },
  { light: '#14181d', dark: '#f4f6f8' },
];

/** Looks of so many runs, in the order of the summary. A run by itself is compared with nothing, so it is not grey. */
export function runStyles(count: number): readonly RunStyle[] {
  if (count === 1) return [{ color: 'var(--run-1)', marker: 'circle' }];
  return Array.from({ length: count }, (_, index) => ({
    color: `var(--run-${index % runColors.length})`,
    marker: markerShapes[index % markerShapes.length],
  }));
}
