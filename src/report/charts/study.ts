import { bytesUnit, roundScale, valueAxis } from './axis.js';
import { type ChartSize, loadCharts } from './echarts.js';
import { shortened } from './name.js';

/** One method of a study: its losses at the best learning rate, one per seed, and the memory it took. */
export interface StudyPoint {
  readonly name: string;
  /** At least one. */
  readonly losses: readonly number[];
  /** Bytes. */
  readonly peak: number;
}

/** A picture that stands alone. */
export interface StudyChart {
  readonly file: string;
  readonly svg: string;
}

type Option = Parameters<Awaited<ReturnType<typeof loadCharts>>>[0];

/** A picture on its own has no style sheet: colours of the page's light scheme. */
const colors: { readonly [name: string]: string } = {
  muted: '#56606b',
  rule: '#c9d1d9',
  grid: '#e9edf1',
  card: '#ffffff',
};
const ink = '#171b20';
const accent = '#0072b2';
const grey = '#5f6b7a';

const mostCharacters = 52;

/**
 * Losses by method, best first, and losses against peak memory.
 *
 * @param reference the method that the others are compared with
 * @param measure what a loss is, for the axes
 */
export async function studyCharts(
  points: readonly StudyPoint[],
  reference: string,
  measure: string,
): Promise<readonly StudyChart[]> {
  if (points.length === 0) return [];
  const sorted = points.toSorted((a, b) => mean(b.losses) - mean(a.losses));
  const tall = { width: 960, height: 90 + 22 * sorted.length };
  const byMemory = { width: 960, height: 620 };
  return [
    { file: 'loss-by-method.svg', svg: await picture('loss-by-method', lossOption(sorted, reference, measure), tall) },
    {
      file: 'loss-by-memory.svg',
      svg: await picture('loss-by-memory', memoryOption(points, reference, measure), byMemory),
    },
  ];
}

async function picture(name: string, option: Option, size: ChartSize): Promise<string> {
  const { width, height } = size;
  const draw = await loadCharts();
  const content = draw(option, size, name).replace(/var\(--(\w+)\)/g, (all, color: string) => colors[color] ?? all);
  const font = 'font-family="system-ui,sans-serif"';
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" ${font}><rect width="${width}" height="${height}" fill="#ffffff"/>${content}</svg>\n`;
}

function lossOption(points: readonly StudyPoint[], reference: string, measure: string): Option {
  const all = points.flatMap(({ losses }) => losses);
  const base = points.find(({ name }) => name === reference);
  const line = base && [
    [mean(base.losses), points[0].name],
    [mean(base.losses), points[points.length - 1].name],
  ];
  return {
    grid: { left: 360, right: 70, top: 20, bottom: 50 },
    xAxis: {
      ...valueAxis(roundScale(Math.min(...all), Math.max(...all), 8)),
      name: `${measure}: every seed, and their mean`,
      nameLocation: 'middle',
      nameGap: 30,
    },
    yAxis: {
      type: 'category',
      data: points.map(({ name }) => name),
      axisLabel: {
        color: ink,
        fontSize: 12,
        interval: 0,
        formatter: (name: string) => shortened(name, mostCharacters),
      },
      axisLine: { show: false },
      axisTick: { show: false },
      splitLine: { show: true, lineStyle: { color: colors.grid } },
    },
    series: [
      ...(line
        ? [{ type: 'line', data: line, showSymbol: false, lineStyle: { color: grey, width: 1.5 }, silent: true }]
        : []),
      {
        type: 'scatter',
        data: points.flatMap(({ name, losses }) => losses.map((loss) => [loss, name])),
        symbolSize: 5,
        itemStyle: { color: grey, opacity: 0.7 },
      },
      {
        type: 'scatter',
        data: points.map(({ name, losses }) => ({
          value: [mean(losses), name],
          itemStyle: { color: name === reference ? ink : accent },
          label: { formatter: mean(losses).toFixed(3) },
        })),
        symbolSize: 10,
        label: { show: true, position: 'right', distance: 12, fontSize: 11, color: colors.muted },
      },
    ],
  };
}

function memoryOption(points: readonly StudyPoint[], reference: string, measure: string): Option {
  const most = Math.max(...points.map(({ peak }) => peak));
  const unit = bytesUnit(most);
  const losses = points.map((point) => mean(point.losses));
  return {
    grid: { left: 70, right: 260, top: 40, bottom: 50 },
    xAxis: {
      ...valueAxis(roundScale(0, most / unit.size, 8)),
      name: `peak memory, ${unit.name}`,
      nameLocation: 'middle',
      nameGap: 30,
    },
    yAxis: {
      ...valueAxis(roundScale(Math.min(...losses), Math.max(...losses), 8)),
      name: measure,
      nameLocation: 'end',
      nameTextStyle: { color: colors.muted, fontSize: 12, align: 'left', padding: [0, 0, 0, -50] },
    },
    series: [
      {
        type: 'line',
        data: frontOf(points).map((point) => [point.peak / unit.size, mean(point.losses)]),
        step: 'end',
        showSymbol: false,
        lineStyle: { color: colors.rule, width: 2 },
        silent: true,
      },
      {
        type: 'scatter',
        data: points.map(({ name, losses: own, peak }) => ({
          value: [peak / unit.size, mean(own)],
          itemStyle: { color: name === reference ? ink : accent },
          label: { formatter: shortened(name, mostCharacters) },
        })),
        symbolSize: 9,
        label: { show: true, position: 'right', fontSize: 10, color: colors.muted },
        labelLayout: { hideOverlap: true },
      },
    ],
  };
}

/** Methods that no other beats in both, from the smallest peak to the lowest loss. */
function frontOf(points: readonly StudyPoint[]): readonly StudyPoint[] {
  const front: StudyPoint[] = [];
  for (const point of points.toSorted((a, b) => a.peak - b.peak || mean(a.losses) - mean(b.losses))) {
    const last = front.at(-1);
    if (!last || mean(point.losses) < mean(last.losses)) front.push(point);
  }
  return front;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
