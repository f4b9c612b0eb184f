import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { temporaryDirectory, writeTo } from './support/temporary-directory.js';
import { nativeMissing, nativeTitle } from './support/training.js';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..');
/** The registry may be slow, and npm resolves the dependencies anew. */
const installTime = 300_000;

/** Only what a user's own shell would give: nothing of the npm run that these tests may be part of. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^npm_(lifecycle|package|config_local_prefix)/.test(name)),
);

describe.skipIf(nativeMissing !== undefined)(nativeTitle('the packed tarball in an empty folder'), () => {
  const folder = temporaryDirectory();
  const here = { cwd: folder, env: environment, maxBuffer: 1 << 26 };

  beforeAll(async () => {
    // `dist/` is up to date already, and packing must not build beside running tests.
    await run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { ...here, cwd: root });
    const [tarball] = readdirSync(folder).filter((name) => name.endsWith('.tgz'));
    writeTo(folder, 'package.json', '{ "private": true, "type": "module" }');
    await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', `./${tarball}`], here);
  }, installTime);

  it('holds the built engine, what is needed to build it again, and no tests', () => {
    const installed = join(folder, 'node_modules', 'compact-llm');
    const files = readdirSync(installed, { recursive: true }).map(String);
    expect(files.some((name) => name.endsWith('compact.node'))).toBe(true);
    expect(existsSync(join(installed, 'native', 'calls.h'))).toBe(true);
    expect(files.filter((name) => /\.test\.|\.o$/.test(name) && !name.includes('node_modules'))).toEqual([]);
  });

  it('`npx compact doctor` finds its native engine', async () => {
    const { stdout } = await run('npx', ['--no', 'compact', 'doctor', '--json'], here);
    expect(JSON.parse(stdout)).toMatchObject({ native: { available: true } });
  });

  it('says how to build the engine where that is missing, and the command is there', async () => {
    const { stdout } = await run('npx', ['--no', 'compact', 'doctor', '--json'], here);
    const { addon } = z.object({ native: z.object({ addon: z.string() }) }).parse(JSON.parse(stdout)).native;
    renameSync(addon, `${addon}.away`);
    try {
      const training = [
        'pretrain',
        '--model',
        'llama-260k',
        '--data',
        'package.json',
        '--tokenizer',
        'byte',
        '--seq',
        '16',
        '--out',
        'none',
      ];
      const { stderr } = await failure(['--no', 'compact', ...training]);
      expect(stderr).toMatch(/^error: the native engine is not there: no addon at /m);
      const [, command] = /^hint: build it with `npx (.*?)`/m.exec(stderr) ?? [];
      // It starts the compiler, whose failure it reports.
      const build = await failure(['--no', ...command.split(' ')], { CXX: 'false' });
      expect(build.stderr).toContain('error: the native engine could not be compiled');
    } finally {
      renameSync(`${addon}.away`, addon);
    }
  });

  /** A command of npx that must fail. */
  async function failure(args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<{ readonly stderr: string }> {
    const failed: unknown = await run('npx', args, { ...here, env: { ...environment, ...more } }).catch(
      (error: unknown) => error,
    );
    return z.object({ code: z.number().positive(), stderr: z.string() }).parse(failed);
  }

  it("the README's script type-checks under strict and trains", async () => {
    const [script] = /(?<=```ts\n)[\s\S]*?(?=```)/.exec(readFileSync(join(root, 'README.md'), 'utf8')) ?? [];
    expect(script).toBeDefined();
    writeTo(folder, 'train.ts', script ?? '');
    const stories = gunzipSync(readFileSync(join(root, 'demo', 'tinystories.txt.gz')));
    writeTo(folder, 'stories.txt', stories.subarray(0, 200_000));
    const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    const types = join(root, 'node_modules', '@types');
    const options = `--strict --target ES2022 --module NodeNext --lib ES2023,ESNext.Disposable --types node --typeRoots ${types}`;
    await run(process.execPath, [compiler, 'train.ts', ...options.split(' ')], here);
    const { stdout } = await run(process.execPath, ['train.js'], here);
    const losses = stdout
      .trim()
      .split('\n')
      .map((line) => Number(line.split(' ')[1]));
    expect(losses).toHaveLength(20);
    expect(losses[19]).toBeLessThan(losses[0] - 0.5);
    expect(existsSync(join(folder, 'runs', 'mine', 'model.safetensors'))).toBe(true);
  });
});
