import type { BpeRecipe, PrefixRule } from './bpe-recipe.js';
import { gpt2Words } from './byte-level.js';

/** Cuts a section of text into words; merges never reach over the end of one. `first`: the section starts the text. */
export type WordSplitter = (section: string, first: boolean, continued: boolean) => Iterable<string>;

/** The words of a recipe's family, in the form in which its vocabulary writes them ("▁" for space with Llama's). */
export function wordSplitter(recipe: BpeRecipe): WordSplitter {
  const prefixed = (section: string, first: boolean, continued: boolean, space: string) =>
    needsPrefix(recipe.prefix, section.startsWith(space), first, continued) ? space + section : section;
  if (recipe.kind === 'byte-level') {
    return (section, first, continued) => matches(prefixed(section, first, continued, ' '), gpt2Words);
  }
  const pattern = metaspaceWords([...recipe.vocab.keys()]);
  return (section, first, continued) => {
    return matches(prefixed(section.replaceAll(' ', '▁'), first, continued, '▁'), pattern);
  };
}

/**
 * Where a text of Llama's kind may be cut without changing an id, so that words can be cached. No token has "▁" after
 * another character, and none of several characters has a line break: merges cross no such place. A vocabulary that is
 * different is not cut there.
 */
function metaspaceWords(tokens: readonly string[]): RegExp {
  if (tokens.some((token) => /[^▁]▁/u.test(token))) return /.+/gsu;
  const joinsLines = tokens.some((token) => token.length > 1 && token.includes('\n'));
  return joinsLines ? /▁*[^▁]+|▁+/gu : /▁*[^▁\n]+|▁+|\n/gu;
}

function needsPrefix(rule: PrefixRule, there: boolean, first: boolean, continued: boolean): boolean {
  if (first && continued) return false;
  switch (rule) {
    case 'never':
      return false;
    case 'always':
      return true;
    case 'unless-there':
      return !there;
    case 'first-unless-there':
      return first && !there;
  }
}

function* matches(text: string, pattern: RegExp): Iterable<string> {
  for (const match of text.matchAll(pattern)) yield match[0];
}

/**
 * The same word as a string of its own. What a match gives may be a view of the text it was found in, and would keep all
 * of that text in memory for as long as the word is in a table.
 */
export function detached(word: string): string {
  return Buffer.from(word, 'utf16le').toString('utf16le');
}
