import { type RunStyle, runStyles } from '../palette.js';
import { type Point, type Progress, smoothingWindow, trainingCurve, validationPoints } from '../series.js';
import type { RunSummary } from '../summary.js';
import { roundScale, secondsUnit, type Unit, valueAxis } from './axis.js';
import type { Figure } from './figure.js';
import { runLegend } from './legend.js';
import { shortened } from './name.js';

/** Part of the run whose losses may lie above the chart: the first fall would press everything else together. */
const startUp = 0.08;

/** Of a run's name at the end of its line. */
const mostCharacters = 20;

interface Curves {
  readonly name: string;
  readonly style: RunStyle;
  /** The others are compared with it: drawn below them, and wider, because exact methods give the same curve. */
  readonly reference: boolean;
  readonly training: readonly Point[];
  readonly validation: readonly Point[];
}

/** Smoothed training losses as lines and validation losses as markers, against steps or seconds; nothing without points. */
export function lossFigure(runs: readonly RunSummary[], progress: Progress): Figure | undefined {
  const styles = runStyles(runs.length);
  const several = runs.length > 1;
  const all = runs.map(({ name }, index) => ({
    name,
    style: styles[index],
    reference: several && index === 0,
    training: trainingCurve(runs[index], progress),
    validation: validationPoints(runs[index], progress),
  }));
  const points = all.flatMap(({ training, validation }) => [...training, ...validation]);
  if (points.length === 0) return undefined;
  const end = Math.max(...points.map(([x]) => x));
  const unit: Unit = progress === 'step' ? { name: 'step', size: 1 } : secondsUnit(end);
  const curves = all.map((curve) => ({
    ...curve,
    training: inUnit(curve.training, unit),
    validation: inUnit(curve.validation, unit),
  }));
  const range = lossRange(curves);
  const axisName = progress === 'step' ? 'step' : `training time, ${unit.name}`;
  return {
    id: `loss-by-${progress}`,
    title: progress === 'step' ? 'Loss by step' : 'Loss by training time',
    description: describe(curves, axisName),
    height: { wide: 380, narrow: 300 },
    ...(several && { legend: runLegend(runs, 'line') }),
    note: notes(runs, range.clipped),
    option: (layout) => ({
      grid: {
        left: 46,
        right: layout === 'wide' && several ? 24 + labelWidth(curves) : 18,
        top: 34,
        bottom: 46,
      },
      xAxis: {
        ...valueAxis(roundScale(0, end / unit.size, layout === 'wide' ? 10 : 5), (value) =>
          value.toLocaleString('en-US'),
        ),
        name: axisName,
        nameLocation: 'middle',
        nameGap: 30,
        splitLine: { show: false },
        axisLine: { show: true, lineStyle: { color: 'var(--rule)' } },
      },
      yAxis: {
        ...valueAxis(roundScale(range.low, range.high, layout === 'wide' ? 7 : 5)),
        name: 'loss, nats per token',
        nameLocation: 'end',
        nameGap: 14,
        nameTextStyle: { color: 'var(--muted)', fontSize: 12, align: 'left', padding: [0, 0, 0, -38] },
      },
      series: curves.flatMap((curve, index) => [
        trainingSeries(curve, index, several && layout === 'wide'),
        validationSeries(curve, index),
      ]),
    }),
  };
}

function trainingSeries({ name, style, reference, training }: Curves, index: number, named: boolean) {
  const { color } = style;
  return {
    type: 'line',
    data: training,
    showSymbol: training.length === 1,
    symbol: 'circle',
    symbolSize: 7,
    itemStyle: { color },
    lineStyle: { color, width: reference ? 5 : 2 },
    endLabel: {
      show: named,
      formatter: shortened(name, mostCharacters),
      color,
      fontSize: 12,
      fontWeight: 600,
      distance: 10,
      textBorderColor: 'var(--card)',
      textBorderWidth: 4,
    },
    labelLayout: { moveOverlap: 'shiftY' },
    clip: true,
    silent: true,
    emphasis: { disabled: true },
    z: 10 + index,
  };
}

function validationSeries({ style, reference, validation }: Curves, index: number) {
  const { color, marker } = style;
  return {
    type: 'scatter',
    data: validation,
    symbol: marker,
    symbolSize: reference ? 14 : marker === 'rect' ? 8 : 10,
    itemStyle: { color, borderColor: 'var(--card)', borderWidth: 1.5, opacity: 1 },
    clip: true,
    silent: true,
    emphasis: { disabled: true },
    z: 30 + index,
  };
}

function lossRange(curves: readonly Curves[]): { low: number; high: number; clipped: boolean } {
  const all = curves.flatMap(({ training, validation }) => [...training, ...validation]);
  const settled = curves.flatMap(({ training, validation }) => {
    const begin = Math.max(0, ...training.map(([x]) => x)) * startUp;
    return [...training, ...validation].filter(([x]) => x >= begin);
  });
  const heights = (settled.length > 0 ? settled : all).map(([, y]) => y);
  const high = Math.max(...heights);
  return { low: Math.min(...all.map(([, y]) => y)), high, clipped: all.some(([, y]) => y > high) };
}

function inUnit(points: readonly Point[], { size }: Unit): readonly Point[] {
  return points.map(([x, y]): Point => [x / size, y]);
}

function notes(runs: readonly RunSummary[], clipped: boolean): string {
  const window = Math.max(...runs.map(({ losses }) => smoothingWindow(losses.length)));
  const line = window === 1 ? 'Lines: training loss.' : `Lines: training loss, mean of the last ${window} steps.`;
  const markers = runs.some(({ validation }) => validation?.length)
    ? ' Markers: validation loss on held-out text.'
    : '';
  return `${line}${markers}${clipped ? ' The first steps lie above the chart.' : ''}`;
}

function describe(curves: readonly Curves[], axisName: string): string {
  const ends = curves.flatMap(({ name, training, validation }) => {
    const last = validation.at(-1) ?? training.at(-1);
    return last ? [`${name} ends at ${last[1].toFixed(3)}`] : [];
  });
  return `Lines of loss against ${axisName}. ${ends.join('; ')}.`;
}

function labelWidth(curves: readonly Curves[]): number {
  return 7.2 * Math.max(...curves.map(({ name }) => shortened(name, mostCharacters).length));
}
