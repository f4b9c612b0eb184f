import { gpt2Words } from './tokenizer/byte-level.js';
import { detached } from './tokenizer/words.js';

/**
 * Distinct words kept at most. Beyond it, those seen least are forgotten, so that the table of a corpus of any size fits
 * into memory (some hundred MiB); the merges are then learned from approximate counts.
 */
const maximumWords = 3_000_000;

/** How often each of GPT-2's words occurs in texts. */
export async function countWords(texts: AsyncIterable<string> | Iterable<string>): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  let threshold = 1;
  for await (const text of texts) {
    for (const [word] of text.matchAll(gpt2Words)) {
      const count = counts.get(word);
      if (count === undefined) counts.set(detached(word), 1);
      else counts.set(word, count + 1);
    }
    while (counts.size > maximumWords) {
      for (const [word, count] of counts) if (count <= threshold) counts.delete(word);
      threshold++;
    }
  }
  return counts;
}
