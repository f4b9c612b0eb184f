import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { compactJson, refusal, workshop } from './command.js';

const commit = 'c0ffee'.padEnd(40, '0');
const evaluation = z.object({ loss: z.number() });

/** Answers as the hub does for one repository, `someone/tiny`, whose files are those of a directory. */
function answer(directory: string, asked: string[], request: IncomingMessage, response: ServerResponse): void {
  const { pathname } = new URL(request.url ?? '', 'http://hub');
  const json = (value: unknown) => response.setHeader('content-type', 'application/json').end(JSON.stringify(value));
  if (pathname === '/api/models/someone/tiny/revision/main') return void json({ id: 'someone/tiny', sha: commit });
  if (pathname === `/api/models/someone/tiny/tree/${commit}`) {
    const files = readdirSync(directory).map((path) => ({
      type: 'file',
      path,
      size: statSync(join(directory, path)).size,
    }));
    return void json(files);
  }
  const prefix = `/someone/tiny/resolve/${commit}/`;
  if (!pathname.startsWith(prefix)) return void response.writeHead(404).end();
  const path = pathname.slice(prefix.length);
  asked.push(path);
  const content = readFileSync(join(directory, path));
  const range = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '');
  const [from, to] = range ? [Number(range[1]), Number(range[2])] : [0, content.length - 1];
  response.writeHead(range ? 206 : 200, {
    etag: `"${path}"`,
    'content-range': `bytes ${from}-${to}/${content.length}`,
  });
  response.end(content.subarray(from, to + 1));
}

describe('models of the hub', () => {
  const { directory, common } = workshop();
  const asked: string[] = [];
  const server = createServer((request, response) => answer(join(directory, 'run'), asked, request, response));
  const lossOf = async (model: string) =>
    evaluation.parse(await compactJson(directory, 'eval', '--model', model, '--data', 'text.txt', '--seq', '16')).loss;

  beforeAll(async () => {
    await compactJson(directory, 'pretrain', ...common, '--steps', '3', '--out', 'run');
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    vi.stubEnv('HF_ENDPOINT', `http://127.0.0.1:${address.port}`);
  });
  afterAll(() => {
    vi.unstubAllEnvs();
  });

  it('are planned from their configuration alone', async () => {
    await compactJson(directory, 'plan', '--model', 'hf:someone/tiny', '--batch', '1', '--seq', '8');
    expect(asked).toContain('config.json');
    expect(asked).not.toContain('model.safetensors');
  });

  it('are fetched once, weights and tokenizer without what else lies beside them, and used like a directory', async () => {
    const loss = await lossOf('hf:someone/tiny');
    expect(loss).toBe(await lossOf('run'));
    expect(asked).toContain('tokenizer.json');
    expect(asked).not.toContain('metrics.jsonl');
    const before = asked.length;
    expect(await lossOf('hf:someone/tiny@main')).toBe(loss);
    expect(asked).toHaveLength(before);
  });

  it('are refused when they are not there, are not named, or the hub neither answers nor did before', async () => {
    const evaluate = (model: string) => refusal(2, directory, 'eval', '--model', model, '--data', 'text.txt');
    expect((await evaluate('hf:someone/else')).error).toContain('hf:someone/else: cannot be fetched: ');
    expect((await evaluate('hf:someone')).error).toBe('hf:someone: not the name of a hub model');
    server.close();
    server.closeAllConnections();
    expect((await evaluate('hf:someone/tiny@other')).error).toContain('ECONNREFUSED');
  });

  it('serve without the hub once they were fetched', async () => {
    expect(server.listening).toBe(false);
    expect(await lossOf('hf:someone/tiny')).toBe(await lossOf('run'));
  });
});
