import { readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { globSync } from 'tinyglobby';
import { describe, expect, it } from 'vitest';

/** The rooms, top to bottom: each imports only rooms below it. src/index.ts, the front door, may import all. */
const rooms = ['cli', 'report', 'train', 'plan', 'data', 'models', 'optim', 'keep', 'tape', 'engine'] as const;

/** Longer than this only tables, generated code or one indivisible kernel may be, and none is so far. */
const mostLines = 400;

const source = resolve(import.meta.dirname, '../src');

interface SourceFile {
  /** Path below src/. */
  readonly path: string;
  readonly text: string;
  /** Paths below src/ of the files it imports. */
  readonly imports: readonly string[];
  /** Those of them that are more than types: what the module loader follows. */
  readonly valueImports: readonly string[];
}

const files: readonly SourceFile[] = globSync('**/*.ts', { cwd: source }).sort().map(readSource);
const programFiles = files.filter(({ path }) => !path.endsWith('.test.ts'));

function readSource(path: string): SourceFile {
  const text = readFileSync(join(source, path), 'utf8');
  const statements = importStatements(text).filter(({ from }) => from.startsWith('.'));
  const resolved = statements.map(({ from, typeOnly }) => ({
    target: relative(source, resolve(source, dirname(path), from.replace(/\.js$/, '.ts'))),
    typeOnly,
  }));
  return {
    path,
    text,
    imports: resolved.map(({ target }) => target),
    valueImports: resolved.filter(({ typeOnly }) => !typeOnly).map(({ target }) => target),
  };
}

/** `import … from`, `export … from`, `import '…'` and `import('…')`; comments are left out of it. */
function importStatements(text: string): { from: string; typeOnly: boolean }[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  const statements =
    /\b(?:import|export)\s+(type\s)?(?:[\w*{][^;'"]*?\sfrom\s*)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/g;
  return [...code.matchAll(statements)].map(([statement, type, from, dynamic]) => ({
    from: from ?? dynamic,
    typeOnly: type !== undefined || /^(?:import|export)\s*\{(?:\s*type\s[^,}]*,?)+\s*\}/.test(statement),
  }));
}

function roomOf(path: string): string {
  return path.split('/')[0];
}

describe('the source', () => {
  it('lies in the rooms that there are', () => {
    const elsewhere = files.filter(
      ({ path }) => path.includes('/') && !(rooms as readonly string[]).includes(roomOf(path)),
    );
    expect(elsewhere.map(({ path }) => path)).toEqual([]);
  });

  it('imports files that exist', () => {
    const known = new Set(files.map(({ path }) => path));
    // Tests may also import helpers outside src/, which the compiler checks.
    const sources = files.filter(({ path }) => !path.endsWith('.test.ts'));
    const missing = sources.flatMap(({ path, imports }) =>
      imports
        .filter((target) => target.endsWith('.ts') && !known.has(target))
        .map((target) => `${path} imports ${target}`),
    );
    expect(missing).toEqual([]);
  });

  it('imports only rooms below its own', () => {
    const upward = programFiles
      .filter(({ path }) => path.includes('/'))
      .flatMap(({ path, imports }) =>
        imports
          .filter((target) => rank(target) < rank(path))
          .map((target) => `${path} imports ${target}, which lies above it`),
      );
    expect(upward).toEqual([]);
  });

  it('has no cycle of imports, types aside', () => {
    expect(findCycle(new Map(programFiles.map(({ path, valueImports }) => [path, valueImports])))).toEqual([]);
  });

  it(`has no file of more than ${mostLines} lines`, () => {
    const long = files.map(({ path, text }) => ({ path, lines: text.trimEnd().split('\n').length }));
    expect(long.filter(({ lines }) => lines > mostLines)).toEqual([]);
  });

  it('does not talk its way around the types', () => {
    const casts = programFiles.flatMap(({ path, text }) =>
      text
        .split('\n')
        .map((line, index) => ({ at: `${path}:${index + 1}`, line }))
        .filter(({ line }) => /\bas\s+unknown\s+as\b|\bas\s+any\b|@ts-ignore|@ts-expect-error|@ts-nocheck/.test(line))
        .map(({ at, line }) => `${at} ${line.trim()}`),
    );
    expect(casts).toEqual([]);
  });
});

/** Place of a file's room from the top; files outside of the rooms, such as index.ts, are above all. */
function rank(path: string): number {
  return (rooms as readonly string[]).indexOf(roomOf(path));
}

/** The first cycle of a graph as a list of its nodes, or nothing. */
function findCycle(graph: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (node: string): readonly string[] => {
    if (done.has(node)) return [];
    const start = trail.indexOf(node);
    if (start >= 0) return [...trail.slice(start), node];
    trail.push(node);
    for (const next of graph.get(node) ?? []) {
      const cycle = visit(next);
      if (cycle.length > 0) return cycle;
    }
    trail.pop();
    done.add(node);
    return [];
  };
  for (const node of graph.keys()) {
    const cycle = visit(node);
    if (cycle.length > 0) return cycle;
  }
  return [];
}

describe('the check itself', () => {
  it('understands the ways to import', () => {
    const text = [
      "import a from './a.js';",
      "import { b, type C } from './b.js';",
      "import type { D } from './d.js';",
      "import { type E } from './e.js';",
      "import * as f from './f.js';",
      "export { g } from './g.js';",
      "export * from './h.js';",
      "export type { I } from './i.js';",
      "import './j.js';",
      "const k = await import('./k.js');",
      "// import l from './l.js';",
      "/* import m from './m.js'; */",
      "export const text = 'from';",
    ].join('\n');
    const found = importStatements(text);
    expect(found.map(({ from }) => from)).toEqual([...'abdefghijk'].map((name) => `./${name}.js`));
    expect(found.filter(({ typeOnly }) => typeOnly).map(({ from }) => from)).toEqual(['./d.js', './e.js', './i.js']);
  });

  it('finds a cycle', () => {
    const graph = new Map([
      ['a', ['b', 'd']],
      ['b', ['c']],
      ['c', ['d']],
      ['d', ['b']],
    ]);
    expect(findCycle(graph)).toEqual(['b', 'c', 'd', 'b']);
    expect(
      findCycle(
        new Map([
          ['a', ['b', 'c']],
          ['b', ['c']],
        ]),
      ),
    ).toEqual([]);
  });
});
