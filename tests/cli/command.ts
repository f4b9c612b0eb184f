import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { z } from 'zod';
import { temporaryDirectory, writeTo } from '../support/temporary-directory.js';
import { engineHere } from '../support/training.js';

const program = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js');

/** Commands that run on an engine. */
const onEngine = new Set([
  'pretrain',
  'compare',
  'convert',
  'eval',
  'finetune',
  'generate',
  'predict',
  'bench',
  'study',
]);

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that is running, and what will have become of it. */
export interface Running {
  readonly process: ChildProcess;
  readonly outcome: Promise<Outcome>;
}

/** Starts `compact` as it was built, on the engine that this machine has. */
export function start(directory: string, ...args: readonly string[]): Running {
  const engine = onEngine.has(args[0]) && !args.includes('--engine') ? ['--engine', engineHere] : [];
  const child = spawn(process.execPath, [program, ...args, ...engine], {
    cwd: directory,
    env: { ...process.env, COMPACT_CACHE: join(directory, 'cache'), NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const text = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    text.stdout += chunk;
  });
  child.stderr.on('data', (chunk: Buffer) => {
    text.stderr += chunk;
  });
  const outcome = new Promise<Outcome>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, ...text }));
  });
  return { process: child, outcome };
}

export function compact(directory: string, ...args: readonly string[]): Promise<Outcome> {
  return start(directory, ...args).outcome;
}

/** Runs a command that must succeed; gives its JSON document, which must be all that stands on standard output. */
export async function compactJson(directory: string, ...args: readonly string[]): Promise<unknown> {
  const { code, stdout, stderr } = await compact(directory, ...args, '--json');
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

/** The lines on standard error of a command that must be refused. */
export async function refusal(
  exitCode: 1 | 2,
  directory: string,
  ...args: readonly string[]
): Promise<{ readonly error: string; readonly hint: string | undefined }> {
  const { code, stdout, stderr } = await compact(directory, ...args);
  expect({ code, stdout }, stderr).toEqual({ code: exitCode, stdout: '' });
  const lines = stderr.trimEnd().split('\n');
  const [error, hint, ...rest] = lines.slice(lines.findIndex((line) => line.startsWith('error: ')));
  expect(error, stderr).toMatch(/^error: ./);
  if (hint !== undefined) expect(hint, stderr).toMatch(/^hint: ./);
  expect(rest, stderr).toEqual([]);
  return { error: error.slice('error: '.length), hint: hint?.slice('hint: '.length) };
}

/** A directory with a tiny model's `config.json`, a `text.txt` and options that train it in a moment. */
export function workshop() {
  const directory = temporaryDirectory();
  writeTo(directory, 'config.json', JSON.stringify(tinyModel));
  writeTo(directory, 'text.txt', sentences(400));
  const common = ['--model', 'config.json', '--data', 'text.txt', '--tokenizer', 'byte', '--batch', '2', '--seq', '16'];
  return { directory, common };
}

export const tinyModel = {
  model_type: 'llama',
  vocab_size: 257,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  max_position_embeddings: 32,
};

/** Text that is not the same everywhere. */
function sentences(count: number): string {
  const subjects = ['The cat', 'A dog', 'My old friend', 'The moon', 'Nobody'];
  const verbs = ['sees', 'likes', 'forgets', 'follows', 'paints', 'hides', 'finds'];
  const objects = ['a red ball', 'the sea', 'eleven keys', 'the way home'];
  const line = (i: number) => `${subjects[i % 5]} ${verbs[i % 7]} ${objects[(i * i) % 4]}.`;
  return `${Array.from({ length: count }, (_, i) => line(i)).join('\n')}\n`;
}

const metric = z.object({ step: z.number(), loss: z.number() });

/** Step and loss of each line of a run's `metrics.jsonl`. */
export function losses(run: string): readonly z.infer<typeof metric>[] {
  const path = join(run, 'metrics.jsonl');
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => metric.parse(JSON.parse(line)));
}

/** Completed steps of a run's checkpoint. */
export function checkpointStep(run: string): number {
  const state = readFileSync(join(run, 'trainer_state.json'), 'utf8');
  return z.object({ step: z.number() }).parse(JSON.parse(state)).step;
}

/** Resolves when the run has done so many steps, or its process has ended. */
export async function untilStep(running: Running, run: string, step: number): Promise<void> {
  while (running.process.exitCode === null && losses(run).length < step) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

export function makeDirectory(...parts: readonly string[]): string {
  const path = join(...parts);
  mkdirSync(path, { recursive: true });
  return path;
}
