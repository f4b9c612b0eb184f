const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;
const countUnits = ['', 'k', 'M', 'G', 'T', 'P'] as const;

/** Three significant figures without an exponent: 1.53, 15.3, 153, 1530. */
function threeFigures(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size >= 99.95 || size === 0 ? 0 : size >= 9.995 ? 1 : 2);
}

function scaled(value: number, base: number, units: readonly string[]): string {
  let unit = 0;
  let rest = value;
  // 999.5 would be rounded to 1000: it belongs to the next unit.
  while (Math.abs(rest) >= base - base / 2000 && unit < units.length - 1) {
    rest /= base;
    unit += 1;
  }
  return `${unit === 0 ? Math.round(rest) : threeFigures(rest)} ${units[unit]}`.trimEnd();
}

/** Bytes in binary units with three significant figures: `512 MiB`, `1.53 GiB`. */
export function formatBytes(bytes: number): string {
  return Number.isFinite(bytes) ? scaled(bytes, 1024, byteUnits) : '–';
}

/** A count: digits in groups below 100,000, then `1.02 M`. */
export function formatCount(count: number): string {
  if (!Number.isFinite(count)) return '–';
  return Math.abs(count) < 99_999.5 ? Math.round(count).toLocaleString('en-US') : scaled(count, 1000, countUnits);
}

/** Floating-point operations: `62.4 GFLOP`. */
export function formatFlops(flops: number): string {
  if (!Number.isFinite(flops)) return '–';
  const text = scaled(flops, 1000, countUnits);
  return text.includes(' ') ? `${text}FLOP` : `${text} FLOP`;
}

/** A span of time: `85 ms`, `4.2 s`, `3 min 20 s`, `2 h 5 min`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–';
  if (seconds === 0) return '0 s';
  if (seconds < 0.9995) return `${threeFigures(seconds * 1000)} ms`;
  if (seconds < 59.5) return `${seconds < 9.95 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const rounded = Math.round(seconds);
  if (rounded < 3600) return pair(Math.floor(rounded / 60), 'min', rounded % 60, 's');
  const minutes = Math.round(seconds / 60);
  if (minutes < 48 * 60) return pair(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
  const hours = Math.round(seconds / 3600);
  return pair(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

/** A loss with three decimals; a dash where there is none, and `not a number` where it was lost. */
export function formatLoss(loss: number | null | undefined): string {
  if (loss === undefined) return '–';
  return loss === null || !Number.isFinite(loss) ? 'not a number' : loss.toFixed(3);
}

/** How much a ratio differs from 1, with a sign: `−40 %`, `+3 %`, `±0 %`. */
export function formatChange(ratio: number): string {
  if (!Number.isFinite(ratio)) return '–';
  const percent = (ratio - 1) * 100;
  const digits = Math.abs(percent) < 0.95 ? 1 : 0;
  return Math.abs(percent) < 0.05 ? '±0 %' : `${signed(percent, digits)} %`;
}

/** A number with its sign and a real minus. */
export function signed(value: number, digits: number): string {
  const text = Math.abs(value).toFixed(digits);
  return Number(text) === 0 ? `±${text}` : `${value < 0 ? '−' : '+'}${text}`;
}

/** A metric between −1 and 1 with four digits, as tables of results have it. */
export function formatScore(value: number): string {
  return Math.abs(value) < 10 ? value.toFixed(4) : value.toPrecision(5);
}
