// Who can take part here, and how each is started.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const here = import.meta.dirname;
const python = process.env.COMPACT_BENCH_PYTHON ?? 'python3';

/**
 * @typedef {object} Starter
 * @property {string} name
 * @property {string} command
 * @property {readonly string[]} args
 * @property {Record<string, string>} options what the peer's script itself is told
 * @property {Record<string, string | undefined>} environment changes to ours; undefined takes a variable away
 * @property {string | undefined} missing why it cannot run, and the command that changes this
 */

/**
 * Our own engine.
 *
 * @param {string} methods joined by +
 * @param {{ threads?: number, projection?: string }} options instead of the workload's threads, and of gaussian projections
 * @returns {Starter}
 */
export function compact(methods, options = {}) {
  const { threads, projection } = options;
  return {
    name: [
      methods,
      ...(projection ? [projection] : []),
      ...(threads ? [`${threads} thread${threads > 1 ? 's' : ''}`] : []),
    ].join(', '),
    command: process.execPath,
    args: [join(here, 'peers', 'compact.mjs')],
    options: { methods, ...options },
    environment: {},
    missing: existsSync(join(here, '..', 'dist', 'index.js')) ? undefined : 'not built: npm run build',
  };
}

/** Blocks of all sizes stay with the process: without this every step pays for fresh pages. */
const tunedMalloc = {
  MALLOC_MMAP_THRESHOLD_: '17179869184',
  MALLOC_TRIM_THRESHOLD_: '17179869184',
  MALLOC_TOP_PAD_: '268435456',
};

/** PyTorch in the settings that a user gets, and in those that were found best on a CPU. */
export const pytorch = {
  installed: torch('PyTorch as installed', {}, {}),
  tuned: torch('PyTorch tuned', { fused: 'AdamW' }, { ...tunedMalloc, OPENBLAS_CORETYPE: undefined }),
  compiled: torch(
    'PyTorch tuned, torch.compile',
    { fused: 'AdamW', compile: 'inductor' },
    { ...tunedMalloc, OPENBLAS_CORETYPE: undefined },
  ),
};

export const jaxJs = typescriptPeer('jax-js', 'jax-js.mjs', '@jax-js/jax');
export const tfjs = typescriptPeer('tfjs', 'tfjs.mjs', '@tensorflow/tfjs');

/** @returns {Starter} */
function torch(name, options, environment) {
  return {
    name,
    command: python,
    args: [join(here, 'peers', 'pytorch.py')],
    options,
    environment,
    get missing() {
      const { status } = spawnSync(python, ['-c', 'import torch']);
      if (status === 0) return undefined;
      return `${python} has no torch: python3 -m venv V && V/bin/pip install -r bench/requirements.txt, then COMPACT_BENCH_PYTHON=V/bin/python`;
    },
  };
}

/** @returns {Starter} */
function typescriptPeer(name, script, dependency) {
  const installed = existsSync(join(here, 'node_modules', dependency, 'package.json'));
  return {
    name,
    command: process.execPath,
    args: [join(here, 'peers', script)],
    options: {},
    environment: {},
    missing: installed ? undefined : 'not installed: npm ci --ignore-scripts --prefix bench',
  };
}
