/** Ends and tick distance of an axis, so that all ticks are round numbers. */
export interface Scale {
  readonly min: number;
  readonly max: number;
  readonly interval: number;
}

/** The round scale around a range with about `ticks` intervals. A range of one point gets room around it. */
export function roundScale(from: number, to: number, ticks: number): Scale {
  const low = Number.isFinite(from) ? from : 0;
  const high = Number.isFinite(to) && to > low ? to : low + Math.max(Math.abs(low) / 10, 1e-9);
  const rough = (high - low) / ticks;
  const power = 10 ** Math.floor(Math.log10(rough));
  const interval = power * ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough * 0.999) ?? 10);
  const clean = (value: number) => Number(value.toPrecision(12));
  return {
    min: clean(Math.floor(low / interval + 1e-9) * interval),
    max: clean(Math.ceil(high / interval - 1e-9) * interval),
    interval: clean(interval),
  };
}

/** A unit for an axis and what it is worth. */
export interface Unit {
  readonly name: string;
  readonly size: number;
}

/** The unit in which the largest value of a memory axis is read best. */
export function bytesUnit(largest: number): Unit {
  if (largest >= 4 * 2 ** 30) return { name: 'GiB', size: 2 ** 30 };
  if (largest >= 2 ** 20) return { name: 'MiB', size: 2 ** 20 };
  return largest >= 2 ** 10 ? { name: 'KiB', size: 2 ** 10 } : { name: 'bytes', size: 1 };
}

/** The unit in which the end of a time axis is read best. */
export function secondsUnit(largest: number): Unit {
  if (largest >= 3 * 3600) return { name: 'hours', size: 3600 };
  return largest >= 300 ? { name: 'minutes', size: 60 } : { name: 'seconds', size: 1 };
}

const text = { color: 'var(--muted)', fontSize: 12 } as const;
const rule = { lineStyle: { color: 'var(--rule)' } } as const;
const grid = { lineStyle: { color: 'var(--grid)' } } as const;

/** A numeric axis in the page's colours. */
export function valueAxis({ min, max, interval }: Scale, format?: (value: number) => string) {
  return {
    type: 'value' as const,
    min,
    max,
    interval,
    axisLabel: { ...text, ...(format && { formatter: format }) },
    axisLine: { show: false, ...rule },
    axisTick: { show: false },
    splitLine: grid,
    nameTextStyle: text,
    silent: true,
  };
}
