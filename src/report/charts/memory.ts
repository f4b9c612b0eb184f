import type { Role } from '../../engine/index.js';
import { residentGrowth } from '../comparison-rows.js';
import { formatBytes, formatChange } from '../format.js';
import { type Html, html, raw } from '../html/markup.js';
import { roleStyles, rolesInUse } from '../palette.js';
import type { RunSummary } from '../summary.js';
import { bytesUnit, roundScale, type Unit, valueAxis } from './axis.js';
import type { Figure, Layout } from './figure.js';
import { roleSwatch } from './legend.js';
import { shortened } from './name.js';

const barHeight = 30;
/** One bar with its caption above and room below. */
const rowHeight = 76;
const margins = { left: 10, right: 30, top: 4, bottom: 46 } as const;

/** Measured peak of each run divided by role, with the prediction and the operating system's count as marks. */
export function memoryFigure(runs: readonly RunSummary[]): Figure {
  const used = rolesInUse(runs.map(({ memory }) => memory.measured.byRole));
  const values = runs.flatMap((run) => [
    run.memory.measured.peak,
    run.memory.predicted.peak,
    residentGrowth(run) ?? run.memory.rss.peak,
  ]);
  const largest = Math.max(1, ...values);
  const unit = bytesUnit(largest);
  const height = margins.top + margins.bottom + rowHeight * runs.length;
  return {
    id: 'memory-by-role',
    title: runs.length > 1 ? 'Memory at the peak, by role' : 'Where every byte went, at the peak',
    description: describe(runs, used),
    height: { wide: height, narrow: height },
    legend: memoryLegend(used, runs),
    note: 'Bars: what the ledger counted when most was in use while training.',
    option: (layout, size) => {
      const scale = roundScale(0, largest / unit.size, layout === 'wide' ? 8 : 4);
      const pixels = (size.width - margins.left - margins.right) / (scale.max * unit.size);
      return {
        grid: margins,
        xAxis: {
          ...valueAxis(scale, (value) => value.toLocaleString('en-US')),
          name: `memory, ${unit.name}`,
          nameLocation: 'middle',
          nameGap: 30,
        },
        yAxis: categoryAxis(runs, layout),
        series: [
          ...used.map((role) => segmentSeries(role, runs, unit, pixels)),
          markSeries(
            'rect',
            [3, barHeight + 12],
            runs.map(({ memory }) => memory.predicted.peak / unit.size),
          ),
          markSeries(
            'diamond',
            13,
            runs.map((run) => (residentGrowth(run) ?? run.memory.rss.peak) / unit.size),
          ),
        ],
      };
    },
  };
}

/** Names and totals stand above the bars, so that long names fit on a phone. */
function categoryAxis(runs: readonly RunSummary[], layout: Layout) {
  const [reference] = runs;
  return {
    type: 'category',
    inverse: true,
    data: runs.map((run, index) => {
      const { peak } = run.memory.measured;
      const change = index === 0 ? '' : `, ${formatChange(peak / reference.memory.measured.peak)}`;
      return `${shortened(run.name, layout === 'wide' ? 90 : 26)}: ${formatBytes(peak)}${change}`;
    }),
    axisLine: { show: true, lineStyle: { color: 'var(--rule)' } },
    axisTick: { show: false },
    axisLabel: {
      inside: true,
      margin: 0,
      color: 'var(--ink)',
      fontSize: 13,
      fontWeight: 600,
      verticalAlign: 'bottom',
      padding: [0, 0, barHeight / 2 + 9, 0],
    },
    silent: true,
    // Above the bars, which would cover the labels otherwise.
    z: 5,
  };
}

function segmentSeries(role: Role, runs: readonly RunSummary[], unit: Unit, pixels: number) {
  const { fill, text } = roleStyles[role];
  return {
    type: 'bar',
    stack: 'memory',
    barWidth: barHeight,
    data: runs.map(({ memory }) => {
      const bytes = memory.measured.byRole[role] ?? 0;
      const label = formatBytes(bytes);
      return {
        value: bytes / unit.size,
        label: { show: bytes * pixels > label.length * 6.6 + 10, formatter: label, color: text, fontSize: 11 },
      };
    }),
    itemStyle: { color: fill, borderColor: 'var(--card)', borderWidth: 1 },
    silent: true,
    emphasis: { disabled: true },
  };
}

function markSeries(symbol: 'rect' | 'diamond', symbolSize: number | number[], values: readonly number[]) {
  return {
    type: 'scatter',
    symbol,
    symbolSize,
    data: values.map((value, index) => [value, index]),
    itemStyle: {
      color: 'var(--ink)',
      borderColor: 'var(--card)',
      borderWidth: symbol === 'diamond' ? 2 : 1,
      opacity: 1,
    },
    clip: false,
    silent: true,
    emphasis: { disabled: true },
    z: 10,
  };
}

function memoryLegend(used: readonly Role[], runs: readonly RunSummary[]): Html {
  const resident = runs.every((run) => residentGrowth(run) !== undefined)
    ? 'growth of resident memory (RSS), as the operating system counts it'
    : 'peak of resident memory (RSS), as the operating system counts it';
  return html`<ul class="legend">
    ${used.map((role) => html`<li>${roleSwatch(role)}<span>${roleStyles[role].label}</span></li>`)}
    <li><svg class="swatch" viewBox="0 0 14 14" aria-hidden="true">${raw('<path d="M5.5 0h3v14h-3z" fill="currentColor"/>')}</svg><span>predicted before training</span></li>
    <li><svg class="swatch" viewBox="0 0 14 14" aria-hidden="true">${raw('<path d="M7 1l6 6l-6 6l-6-6z" fill="currentColor"/>')}</svg><span>${resident}</span></li>
  </ul>`;
}

function describe(runs: readonly RunSummary[], used: readonly Role[]): string {
  const bars = runs.map(({ name, memory: { measured, predicted } }) => {
    const parts = used.map((role) => `${roleStyles[role].label} ${formatBytes(measured.byRole[role] ?? 0)}`);
    return `${name}: measured ${formatBytes(measured.peak)}, predicted ${formatBytes(predicted.peak)} (${parts.join(', ')})`;
  });
  return `One bar per run. ${bars.join('. ')}.`;
}
