import { spawnSync } from 'node:child_process';
import { appendFileSync, chmodSync, cpSync, existsSync, mkdtempSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory, writeTo } from './support/temporary-directory.js';

const root = join(import.meta.dirname, '..');

/** Compiles nothing, but leaves an object, what it was made of, and a line in `compiled`; fails on a unit that says `broken`. */
const compiler = `#!/bin/sh
[ "$1" = --version ] && echo fake 1.0 && exit 0
[ "$1" = -print-prog-name=nm ] && echo true && exit 0
folder=$(dirname "$0")
while [ $# -gt 0 ]; do
  case "$1" in -c) unit=$2 ;; -o) out=$2 ;; -MF) rule=$2 ;; esac
  shift
done
echo made > "$out"
[ -z "$unit" ] && exit 0
grep -q broken "$unit" && echo "$unit: broken" >&2 && exit 1
echo "$(basename "$unit")" >> "$folder/compiled"
header=$(sed -n 's/#include "\\(.*\\)"/\\1/p' "$unit" | head -1)
printf '%s: %s \\\\\\n %s\\n' "$out" "$unit" "$(dirname "$unit")/$header" > "$rule"
`;

const directory = temporaryDirectory();

/** A copy of the script beside C++ sources of its own, with a compiler that writes down what it is asked for. */
function project() {
  const folder = mkdtempSync(join(directory, 'project-'));
  cpSync(join(root, 'scripts', 'build-native.mjs'), join(folder, 'scripts', 'build-native.mjs'), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  writeTo(folder, 'package.json', '{ "type": "module" }');
  const units = readFileSync(join(root, 'scripts', 'build-native.mjs'), 'utf8').matchAll(/'([\w-]+)\/([\w-]+)\.cpp'/g);
  for (const [, room, name] of units) {
    writeTo(folder, join('native', room, `${name}.cpp`), `#include "${name}.h"\n`);
    writeTo(folder, join('native', room, `${name}.h`), '// a header\n');
  }
  writeTo(folder, 'compiler', compiler);
  chmodSync(join(folder, 'compiler'), 0o755);
  return folder;
}

function build(folder: string, ...options: string[]) {
  writeTo(folder, 'compiled', '');
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(folder, 'scripts', 'build-native.mjs'), ...options],
    { encoding: 'utf8', env: { ...process.env, CXX: join(folder, 'compiler') } },
  );
  const compiled = readFileSync(join(folder, 'compiled'), 'utf8').split('\n').filter(Boolean).sort();
  return { status, output: stdout + stderr, compiled };
}

describe.skipIf(process.platform === 'win32')('scripts/build-native.mjs', () => {
  it('compiles a unit again when a file it includes has changed, and no other', () => {
    const folder = project();
    expect(build(folder).compiled).toContain('pool.cpp');
    expect(existsSync(join(folder, 'build', 'native', `${process.platform}-${process.arch}`, 'compact.node'))).toBe(
      true,
    );
    expect(build(folder)).toMatchObject({ status: 0, output: '', compiled: [] });
    appendFileSync(join(folder, 'native', 'threads', 'pool.h'), '// changed\n');
    expect(build(folder)).toMatchObject({ status: 0, compiled: ['pool.cpp'] });
    expect(build(folder).compiled).toEqual([]);
  });

  it('fails when the compiler fails, and again until the unit is repaired', () => {
    const folder = project();
    const unit = join('native', 'arena', 'arena.cpp');
    writeTo(folder, unit, '#include "arena.h"\nbroken\n');
    for (const _ of ['once', 'again']) {
      const { status, output } = build(folder);
      expect(status).toBe(1);
      expect(output).toContain('arena.cpp: broken');
    }
    writeTo(folder, unit, '#include "arena.h"\n');
    expect(build(folder)).toMatchObject({ status: 0 });
  });

  it('is content without a compiler unless one is required', () => {
    const folder = project();
    chmodSync(join(folder, 'compiler'), 0o644);
    expect(build(folder)).toMatchObject({ status: 0, output: expect.stringContaining('does not run') });
    expect(build(folder, '--required')).toMatchObject({ status: 1 });
  });

  it('compiles for another processor into a folder of its own', () => {
    const folder = project();
    const { compiled } = build(folder, '--arch', 'arm64');
    expect(compiled).toContain('neon.cpp');
    expect(compiled).not.toContain('avx2.cpp');
    expect(existsSync(join(folder, 'build', 'native', `${process.platform}-arm64`, 'compact.node'))).toBe(true);
  });
});
