import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { replaceFileWith } from '../models/save-file.js';

/** What was last fetched whole of one revision of a model: the commit, and whether its weights are there. */
const snapshot = z.object({ commit: z.string().regex(/^\w+$/), weights: z.boolean() });
export type Snapshot = z.infer<typeof snapshot>;

const fileOf = (modelDirectory: string, revision: string) =>
  join(modelDirectory, `${encodeURIComponent(revision)}.json`);

/** Writes down a snapshot, unless what is known of the same commit is more. */
export async function rememberSnapshot(modelDirectory: string, revision: string, fetched: Snapshot): Promise<void> {
  const known = await knownSnapshot(modelDirectory, revision);
  if (known?.commit === fetched.commit && (known.weights || !fetched.weights)) return;
  await replaceFileWith(fileOf(modelDirectory, revision), `${JSON.stringify(fetched)}\n`);
}

/** The snapshot that was written down for a revision; undefined where there is none. */
export async function knownSnapshot(modelDirectory: string, revision: string): Promise<Snapshot | undefined> {
  const text = await readFile(fileOf(modelDirectory, revision), 'utf8').catch(() => '');
  try {
    return snapshot.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
