import { type FileHandle, mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultCacheDirectory } from '../data/cache-directory.js';
import { CompactError, InputError } from '../engine/errors.js';
import { replaceFile, writeAll } from '../models/save-file.js';
import { formatBytes } from '../report/format.js';
import { knownSnapshot, rememberSnapshot } from './hub-snapshots.js';
import type { GivenOptions } from './option-table.js';
import type { Output } from './output.js';

/** Marks a model of the Hugging Face hub where a directory could stand: `hf:owner/name`, `hf:owner/name@revision`. */
const prefix = 'hf:';

/** Options that may name one. */
const modelOptions = ['model', 'init', 'tokenizer'] as const;

const description = /^(config|tokenizer|tokenizer_config|special_tokens_map|vocab|added_tokens)\.json$/;
const vocabulary = /^(vocab\.txt|merges\.txt|tokenizer\.model|chat_template\.jinja)$/;
const weights = /^[^/]+\.safetensors(\.index\.json)?$/;

/**
 * The same options with directories in place of the hub's models, which are fetched where the cache directory
 * (`COMPACT_CACHE`) does not have them. Nothing is fetched, and the library not loaded, where no option names one.
 * Where the hub does not answer, what was fetched before serves.
 *
 * `HF_ENDPOINT` names another hub, `HF_TOKEN` opens models that ask for it.
 *
 * @param withWeights false where a command looks at configurations alone
 * @throws InputError if there is no such model, it has no safetensors, or the hub cannot be reached
 */
export async function fetchHubModels(given: GivenOptions, withWeights: boolean, output: Output): Promise<GivenOptions> {
  const local: Record<string, unknown> = { ...given };
  for (const option of modelOptions) {
    const named = given[option];
    if (typeof named !== 'string' || !named.startsWith(prefix)) continue;
    local[option] = await fetchModel(named, withWeights && option !== 'tokenizer', output);
  }
  return local;
}

/** Fetches what a model needs; its directory. */
async function fetchModel(named: string, withWeights: boolean, output: Output): Promise<string> {
  const [name, revision = 'main'] = named.slice(prefix.length).split('@');
  if (!/^[\w.-]+\/[\w.-]+$/.test(name) || name.includes('..')) {
    throw new InputError(`${named}: not the name of a hub model`, 'write hf:owner/name, or hf:owner/name@revision');
  }
  const modelDirectory = join(defaultCacheDirectory(), 'hub', name.replace('/', '--'));
  const hub = await import('@huggingface/hub');
  const { HF_ENDPOINT: hubUrl, HF_TOKEN: accessToken } = process.env;
  const access = { ...(hubUrl && { hubUrl }), ...(accessToken && { accessToken }) };
  try {
    // All files of one commit, whatever happens to the branch meanwhile.
    const { sha } = await hub.modelInfo({ name, revision, additionalFields: ['sha'], ...access });
    const directory = join(modelDirectory, sha);
    const source = { repo: { type: 'model' as const, name }, revision: sha, ...access };
    const files = [];
    for await (const file of hub.listFiles(source)) {
      if (description.test(file.path) || vocabulary.test(file.path) || (withWeights && weights.test(file.path))) {
        files.push(file);
      }
    }
    if (withWeights && !files.some(({ path }) => path.endsWith('.safetensors'))) {
      throw new InputError(`${named}: has no weights as safetensors`, 'convert them with the tools of their framework');
    }
    await mkdir(directory, { recursive: true });
    for (const { path, size } of files) {
      const target = join(directory, path);
      if ((await stat(target).catch(() => undefined))?.size === size) continue;
      output.note(`${named}: ${path}, ${formatBytes(size)}, to ${directory}`);
      const content = await hub.downloadFile({ ...source, path });
      if (!content) throw new Error(`${path} is missing`);
      await replaceFile(target, async (file) => {
        const written = await writeStream(file, content.stream());
        if (written !== size) throw new Error(`${path} ended after ${written} of ${size} bytes`);
      });
    }
    await rememberSnapshot(modelDirectory, revision, { commit: sha, weights: withWeights });
    return directory;
  } catch (error) {
    if (error instanceof CompactError) throw error;
    // An answer that refuses is the hub's word; only where there is none, or it is broken, may the past stand in for it.
    const answered = error instanceof hub.HubApiError && error.statusCode < 500;
    const known = answered ? undefined : await knownSnapshot(modelDirectory, revision);
    if (known && (known.weights || !withWeights)) {
      output.note(
        `${named}: the hub does not answer (${reasonOf(error)}); using commit ${known.commit}, fetched before`,
      );
      return join(modelDirectory, known.commit);
    }
    throw new InputError(
      `${named}: cannot be fetched: ${reasonOf(error)}`,
      'check the name and the network; HF_TOKEN opens private models; or name a directory',
    );
  }
}

async function writeStream(file: FileHandle, stream: ReadableStream<Uint8Array>): Promise<number> {
  let written = 0;
  for await (const bytes of stream) {
    await writeAll(file, bytes);
    written += bytes.byteLength;
  }
  return written;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return (cause instanceof Error && cause.message) || error.message.split('\n')[0];
}
