import Table from 'cli-table3';
import pico from 'picocolors';
import type { Role } from '../engine/index.js';
import {
  type FittedPlan,
  type FormPrice,
  type MemoryPlan,
  type PeakBlock,
  type Prediction,
  paretoFront,
} from '../plan/index.js';
import {
  formatBytes,
  formatChange,
  formatCount,
  formatDuration,
  formatFlops,
  roleStyles,
  rolesInUse,
} from '../report/index.js';

/** A method with its prediction. */
export interface PlannedMethod {
  readonly name: string;
  readonly plan: MemoryPlan;
  readonly prediction: Prediction;
  /** Predicted time of an optimizer step. */
  readonly seconds: number;
}

/** What is planned, in one line. */
export function overviewLines(
  model: string,
  parameters: number,
  methods: readonly string[],
  { batch, accumulate }: { readonly batch: number; readonly accumulate: number },
  sequenceLength: number,
): string {
  const micro = accumulate > 1 ? `, ${accumulate} micro-batches` : '';
  const method = methods.length > 0 ? ` · ${methods.join(', ')}` : '';
  return `${model}, ${formatCount(parameters)} parameters · ${batch} × ${sequenceLength} tokens${micro}${method}`;
}

/** Bytes by role at the peak of the sum, and each role's own peak. */
export function roleTable({ memory, flops, arenaBytes }: Prediction, colors: boolean): string {
  const { bold } = pico.createColors(colors);
  const table = plainTable(['', 'at the peak', 'own peak'], colors);
  for (const role of rolesInUse([memory.peakByRole])) {
    table.push([roleStyles[role].label, formatBytes(memory.byRole[role]), formatBytes(memory.peakByRole[role])]);
  }
  table.push([bold('together'), bold(formatBytes(memory.peak)), '']);
  return `${table}\n${formatFlops(flops)} per step; the arena will take ${formatBytes(arenaBytes)}`;
}

/** What the budget chose, compared with a plan that has all the memory it wants. */
export function fittedLine({ request: { plan, accumulate }, seconds, fastestSeconds }: FittedPlan): string {
  const update = plan.update === 'fused' ? ', updates fused with backward' : '';
  const micro = accumulate > 1 ? `, ${accumulate} micro-batches` : '';
  return `chosen within --memory: ${formatChange(seconds / fastestSeconds)} of the time without recomputing${update}${micro}`;
}

/** Predicted time of a step, and whose kernels it is for. */
export function timeLine(seconds: number, machine: string): string {
  return `about ${formatDuration(seconds)} per step (${machine}; \`compact bench rates\` measures this machine)`;
}

/** What the slower tier holds and takes. */
export function offloadLine({ offloadBytes, movedBytes }: Prediction): string {
  return `${formatBytes(offloadBytes)} on the slower tier at most; ${formatBytes(movedBytes)} go there and come back per step`;
}

/** What each way of keeping saves and costs by itself. */
export function priceLines(prices: readonly FormPrice[]): string {
  const lines = prices.map(({ slots, form, bytesSaved, seconds }) => {
    const price = seconds === 0 ? 'nothing' : `${seconds < 0 ? '−' : ''}${formatDuration(Math.abs(seconds))}`;
    return `  ${formatBytes(bytesSaved).padStart(9)} for ${price.padEnd(9)} ${form.padEnd(12)} ${slots.join(', ')}`;
  });
  return ['\nWhat each form saves and costs in all blocks, if everything else is kept:', ...lines].join('\n');
}

/** Blocks that a table of the largest lists. */
const shownBlocks = 10;

/** The largest blocks at the peak; those that differ only in the layer's number are one line. */
export function blockLines(blocks: readonly PeakBlock[]): string {
  const groups = new Map<string, { readonly role: Role; bytes: number; count: number }>();
  for (const { name, role, bytes } of blocks) {
    const key = `${role} ${collapse(name)}`;
    const group = groups.get(key);
    if (group) {
      group.bytes += bytes;
      group.count += 1;
    } else groups.set(key, { role, bytes, count: 1 });
  }
  const largest = [...groups].sort(([, a], [, b]) => b.bytes - a.bytes).slice(0, shownBlocks);
  const lines = largest.map(([key, { role, bytes, count }]) => {
    const name = key.slice(role.length + 1);
    return `  ${formatBytes(bytes).padStart(9)}  ${roleStyles[role].label.padEnd(18)} ${name}${count > 1 ? ` (${count})` : ''}`;
  });
  return ['\nLargest at the peak:', ...lines].join('\n');
}

/** How the slots are kept, and in how many of the bytes they would have; layers that do the same are one line. */
export function slotLines(slots: Prediction['slots']): string {
  const groups = new Map<string, { count: number; bytes: number; exactBytes: number }>();
  for (const { slot, form, bytes, exactBytes } of slots) {
    const key = `${form.padEnd(12)} ${collapse(slot)}`;
    const group = groups.get(key) ?? { count: 0, bytes: 0, exactBytes: 0 };
    groups.set(key, {
      count: group.count + 1,
      bytes: group.bytes + bytes,
      exactBytes: group.exactBytes + exactBytes,
    });
  }
  const lines = [...groups].map(([key, { count, bytes, exactBytes }]) => {
    const size = bytes > 0 ? formatBytes(bytes) : '–';
    const times = count > 1 ? ` (${count})` : '';
    return `  ${size.padStart(9)} of ${formatBytes(exactBytes).padStart(9)}  ${key}${times}`;
  });
  return ['\nHow what backward needs is kept:', ...lines].join('\n');
}

/** All methods side by side, compared with the first. */
export function comparisonTable(
  planned: readonly PlannedMethod[],
  budget: number | undefined,
  colors: boolean,
): string {
  const roles = rolesInUse(planned.map(({ prediction }) => prediction.memory.byRole));
  const fits = budget === undefined ? [] : [`fits ${formatBytes(budget)}`];
  const table = plainTable(
    ['method', 'peak', '', ...roles.map((role) => roleStyles[role].label), 'arithmetic', 'time', ...fits],
    colors,
  );
  const first = planned[0].prediction;
  const front = new Set(frontOf(planned));
  for (const { name, prediction, seconds } of planned) {
    const { memory, flops } = prediction;
    table.push([
      front.has(name) ? `* ${name}` : `  ${name}`,
      formatBytes(memory.peak),
      prediction === first ? '' : formatChange(memory.peak / first.memory.peak),
      ...roles.map((role) => (memory.byRole[role] > 0 ? formatBytes(memory.byRole[role]) : '–')),
      prediction === first ? formatFlops(flops) : formatChange(flops / first.flops),
      prediction === first ? formatDuration(seconds) : formatChange(seconds / planned[0].seconds),
      ...(budget === undefined ? [] : [memory.peak <= budget ? 'yes' : 'no']),
    ]);
  }
  return `${table}\n* no other is both smaller and faster`;
}

/** Methods that no other beats in both memory and predicted time. */
export function frontOf(planned: readonly PlannedMethod[]): readonly string[] {
  const priced = planned.map(({ name, seconds, prediction }) => ({ name, seconds, bytes: prediction.memory.peak }));
  return paretoFront(priced).map(({ name }) => name);
}

/** `layers.3.mlp` → `layers.*.mlp`. */
function collapse(name: string): string {
  return name.replace(/\blayers\.\d+\./, 'layers.*.').replace(/\.\d+(?=\.|$)/g, '.*');
}

function plainTable(head: readonly string[], colors: boolean) {
  const { bold } = pico.createColors(colors);
  return new Table({
    head: head.map((text) => bold(text)),
    colAligns: head.map((_, index) => (index === 0 ? 'left' : 'right')),
    style: { head: [], border: [], compact: true },
  });
}
