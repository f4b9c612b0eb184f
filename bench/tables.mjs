// Results as JSON and as a Markdown page.

/** Median, and the range of the middle half. */
export function quartiles(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (fraction) => {
    const place = (sorted.length - 1) * fraction;
    const below = Math.floor(place);
    return sorted[below] + ((sorted[below + 1] ?? sorted[below]) - sorted[below]) * (place - below);
  };
  return { median: at(0.5), from: at(0.25), to: at(0.75) };
}

/** Adds to each entry its median time and, round by round against the first one, how many times as long it takes. */
export function summarize(entries) {
  const first = entries.find(({ seconds }) => seconds);
  return entries.map((entry) => {
    if (!entry.seconds) return entry;
    const ratios = entry.seconds.map((value, round) => value / first.seconds[round]);
    return { ...entry, secondsPerStep: quartiles(entry.seconds), timesFirst: quartiles(ratios) };
  });
}

/** Our own steps are also given as parts of what multiply-adds alone reached right after them. */
export function stepTable({ title, workload, entries }) {
  const [first] = entries;
  const shape = Object.entries(workload).map(([name, value]) => `${name} ${value}`);
  const lines = [
    `## ${title}`,
    '',
    `${shape.join(', ')}.`,
    '',
    `| | s/step | × \`${first.name}\` | middle half | peak RSS | own count | of peak arithmetic |`,
    '|---|---|---|---|---|---|---|',
  ];
  for (const entry of entries) {
    if (entry.skipped) {
      lines.push(`| ${entry.name} | skipped: ${entry.skipped} | | | | | |`);
      continue;
    }
    const { secondsPerStep: time, timesFirst: ratio, memory } = entry;
    const own = memory.ledgerPeak ? `ledger ${mebibytes(memory.ledgerPeak)}` : savedOf(memory);
    const shares = entry.peaks.map((peak, round) => memory.flops / entry.seconds[round] / (peak * 1e9));
    const arithmetic = shares.length > 0 ? `${(100 * quartiles(shares).median).toFixed(0)} %` : '';
    const spread = `${ratio.from.toFixed(2)}–${ratio.to.toFixed(2)}`;
    lines.push(
      `| ${entry.name} | ${time.median.toFixed(3)} | ${ratio.median.toFixed(2)} | ${spread} | ${mebibytes(memory.peakRss)} | ${own} | ${arithmetic} |`,
    );
  }
  lines.push('', 'Settings:', '');
  for (const { name, settings } of entries) if (settings) lines.push(`* ${name}: ${describe(settings)}`);
  return lines.join('\n');
}

export function gemmTable({ peak, rows }) {
  const lines = [
    '## Matrix products beside the machine’s peak',
    '',
    `One thread in registers: ${peak.f32.toFixed(0)} GFLOP/s f32${peak.bf16 ? `, ${peak.bf16.toFixed(0)} bf16` : ''}. "Of peak": of what so many threads reach at the same moment.`,
    '',
    '| m×n×k | | dtype | threads | GFLOP/s | of peak | scaling |',
    '|---|---|---|---|---|---|---|',
  ];
  for (const row of rows) {
    lines.push(
      `| ${row.shape} | ${row.trans} | ${row.dtype} | ${row.threads} | ${row.gflops.toFixed(0)} | ${(100 * row.ofPeak).toFixed(0)} % | ${row.scaling.toFixed(2)} |`,
    );
  }
  return lines.join('\n');
}

export function opsTable({ rows }) {
  const lines = [
    '## Other kernels beside the machine’s bandwidth or arithmetic',
    '',
    'GB/s of kernels bound by memory, GFLOP/s of those bound by arithmetic; "of peak": of what so many threads reach at the same moment.',
    '',
    '| op | shape | dtype | threads | bound by | rate | of peak | ns per pair |',
    '|---|---|---|---|---|---|---|---|',
  ];
  for (const row of rows) {
    lines.push(
      `| ${row.op} | ${row.shape} | ${row.dtype} | ${row.threads} | ${row.bound} | ${row.rate.toFixed(0)} | ${(100 * row.ofPeak).toFixed(0)} % | ${row.nanosecondsPerPair?.toFixed(2) ?? ''} |`,
    );
  }
  return lines.join('\n');
}

function savedOf({ saved, baseRss }) {
  return saved === undefined ? '' : `saved ${mebibytes(saved)}; before the model ${mebibytes(baseRss)}`;
}

function describe(settings) {
  return Object.entries(settings)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}

function mebibytes(bytes) {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}
