import { formatBytes, formatDuration } from '../format.js';
import { type RunStyle, runStyles } from '../palette.js';
import type { RunSummary } from '../summary.js';
import { bytesUnit, roundScale, valueAxis } from './axis.js';
import type { Figure } from './figure.js';
import { runLegend } from './legend.js';
import { shortened } from './name.js';

/** What one run took for so many tokens, and the memory it took it in. */
interface Spent {
  readonly name: string;
  readonly style: RunStyle;
  readonly seconds: number;
  readonly bytes: number;
}

const tokens = 1000;

/**
 * Measured peak against time, with the Pareto front: runs that no other beats in both. Nothing where fewer than two runs
 * have a time.
 */
export function memoryTimeFigure(runs: readonly RunSummary[]): Figure | undefined {
  const styles = runStyles(runs.length);
  const points = runs.flatMap(({ name, tokensPerSecond, memory }, index): Spent[] =>
    tokensPerSecond > 0 && memory.measured.peak > 0
      ? [{ name, style: styles[index], seconds: tokens / tokensPerSecond, bytes: memory.measured.peak }]
      : [],
  );
  if (points.length < 2) return undefined;
  const front = frontOf(points);
  const bytes = bytesUnit(Math.max(...points.map((point) => point.bytes)));
  const slowest = Math.max(...points.map(({ seconds }) => seconds));
  const [time, timeName] = slowest < 1 ? [1e-3, 'milliseconds'] : [1, 'seconds'];
  const most = Math.max(...points.map((point) => point.bytes)) / bytes.size;
  return {
    id: 'memory-by-time',
    title: 'Memory against time',
    description: `${points.map(describe).join('. ')}. On the front: ${front.map(({ name }) => name).join(', ')}.`,
    height: { wide: 360, narrow: 300 },
    legend: runLegend(runs, 'marker'),
    note: 'The line is the Pareto front: no other run is both smaller and faster than one on it.',
    option: (layout) => ({
      grid: { left: 62, right: layout === 'wide' ? 170 : 30, top: 34, bottom: 46 },
      xAxis: {
        ...valueAxis(roundScale(0, slowest / time, layout === 'wide' ? 8 : 4), (value) =>
          value.toLocaleString('en-US'),
        ),
        name: `${timeName} per ${tokens.toLocaleString('en-US')} tokens`,
        nameLocation: 'middle',
        nameGap: 30,
      },
      yAxis: {
        ...valueAxis(roundScale(0, most, 6), (value) => value.toLocaleString('en-US')),
        name: `measured peak, ${bytes.name}`,
        nameLocation: 'end',
        nameGap: 14,
        nameTextStyle: { color: 'var(--muted)', fontSize: 12, align: 'left', padding: [0, 0, 0, -54] },
      },
      series: [
        {
          type: 'line',
          data: front.map((point) => [point.seconds / time, point.bytes / bytes.size]),
          step: 'end',
          showSymbol: false,
          lineStyle: { color: 'var(--rule)', width: 2 },
          silent: true,
          emphasis: { disabled: true },
        },
        ...points.map(({ name, style, ...point }, index) => ({
          type: 'scatter',
          data: [[point.seconds / time, point.bytes / bytes.size]],
          symbol: style.marker,
          symbolSize: 12,
          itemStyle: { color: style.color, borderColor: 'var(--card)', borderWidth: 1 },
          label: {
            show: layout === 'wide',
            position: 'right',
            formatter: shortened(name, 24),
            color: style.color,
            fontSize: 12,
            fontWeight: 600,
          },
          labelLayout: { moveOverlap: 'shiftY' },
          silent: true,
          emphasis: { disabled: true },
          z: 10 + index,
        })),
      ],
    }),
  };
}

/** From the fastest to the smallest. */
function frontOf(points: readonly Spent[]): readonly Spent[] {
  const front: Spent[] = [];
  for (const point of points.toSorted((a, b) => a.seconds - b.seconds || a.bytes - b.bytes)) {
    const last = front.at(-1);
    if (!last || point.bytes < last.bytes) front.push(point);
  }
  return front;
}

function describe({ name, seconds, bytes }: Spent): string {
  return `${name}: ${formatBytes(bytes)}, ${formatDuration(seconds)} per ${tokens} tokens`;
}
