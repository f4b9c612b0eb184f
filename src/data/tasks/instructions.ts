import { z } from 'zod';
import { InputError } from '../../engine/errors.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';
import type { ChatMessage, ChatTemplate } from './chat-template.js';
import type { EncodeTextOptions } from './encode-sequence.js';
import { jsonRows, readWholeFile } from './table.js';

/** Part of a text, and whether the model is to learn to write it. */
interface Span {
  readonly text: string;
  readonly learned: boolean;
}

/** An instruction with its answer, as token ids. */
export interface EncodedInstruction {
  /** [T]. */
  readonly ids: Int32Array;
  /** [T], the token after each; −100 where it is not part of an answer. */
  readonly targets: Int32Array;
}

const message = z.object({ role: z.string().min(1), content: z.string() });
const schema = z.union([
  z.object({ messages: z.array(message).min(1) }),
  z.object({ prompt: z.string(), completion: z.string() }),
]);

export interface Instruction {
  readonly content: z.infer<typeof schema>;
  readonly where: string;
}

/**
 * Instructions of a JSONL file, each with `messages` (role and content) or with `prompt` and `completion`.
 *
 * @throws InputError for a line that has neither, or has no answer
 */
export async function readInstructions(path: string): Promise<readonly Instruction[]> {
  const rows = jsonRows(await readWholeFile(path), path);
  if (rows.length === 0) throw new InputError(`${path}: holds no row`);
  return rows.map(({ fields, where }) => {
    const parsed = schema.safeParse(fields);
    if (!parsed.success) {
      throw new InputError(
        `${where}: no instruction`,
        'a line needs "messages": [{"role": ..., "content": ...}], or "prompt" and "completion"',
      );
    }
    const { data } = parsed;
    const answers =
      'messages' in data ? data.messages.filter(({ role }) => role === 'assistant') : [{ content: data.completion }];
    if (answers.every(({ content }) => content.trim() === '')) {
      throw new InputError(`${where}: nothing to learn: the answer is empty`, 'leave the row out');
    }
    return { content: data, where };
  });
}

/** Encodes instructions; only answers are to be predicted. */
export class InstructionEncoder {
  readonly #tokenizer: Tokenizer;
  readonly #template: ChatTemplate | undefined;
  readonly #options: EncodeTextOptions;

  /** @param template needed for conversations */
  constructor(tokenizer: Tokenizer, template: ChatTemplate | undefined, options: EncodeTextOptions) {
    this.#tokenizer = tokenizer;
    this.#template = template;
    this.#options = options;
  }

  /**
   * @throws InputError if the text is longer than allowed and not to be cut, nothing of the answer would be left, or a
   *   conversation comes without a template
   */
  encode({ content, where }: Instruction): EncodedInstruction {
    const { maxLength, truncate } = this.#options;
    const conversation = 'messages' in content;
    const spans = conversation
      ? this.#conversation(content.messages, where)
      : [
          { text: content.prompt, learned: false },
          { text: content.completion, learned: true },
        ];
    const { bosId, eosId } = this.#tokenizer;
    const ids: number[] = [];
    const learned: boolean[] = [];
    const add = (added: ArrayLike<number>, isLearned: boolean) => {
      for (let i = 0; i < added.length; i++) {
        ids.push(added[i]);
        learned.push(isLearned);
      }
    };
    // A template writes these tokens itself.
    if (!conversation && bosId !== undefined) add([bosId], false);
    for (const [index, span] of spans.entries()) {
      // Each span by itself, as the model will meet it: the prompt as a whole, then its own tokens.
      add(this.#tokenizer.encode(span.text, { continued: index > 0 }), span.learned);
    }
    if (!conversation && eosId !== undefined) add([eosId], true);
    const length = ids.length - 1;
    if (length > maxLength && !truncate) {
      throw new InputError(
        `${where}: the text has ${length} tokens, the most is ${maxLength}`,
        'add --truncate to cut it, or raise --max-length',
      );
    }
    const kept = Math.min(length, maxLength);
    if (!learned.slice(1, kept + 1).includes(true)) {
      throw new InputError(`${where}: the prompt alone fills the ${maxLength} tokens`, 'raise --max-length');
    }
    return {
      ids: Int32Array.from(ids.slice(0, kept)),
      targets: Int32Array.from({ length: kept }, (_, i) => (learned[i + 1] ? ids[i + 1] : -100)),
    };
  }

  /** The template's text, cut before and behind each answer. */
  #conversation(messages: readonly ChatMessage[], where: string): readonly Span[] {
    const template = this.#template;
    if (!template) {
      throw new InputError(
        `${where}: the model has no chat template`,
        'give one with --chat-template, or rows with "prompt" and "completion"',
      );
    }
    const spans: Span[] = [];
    let done = '';
    const addUpTo = (text: string, learned: boolean) => {
      if (!text.startsWith(done)) {
        throw new InputError(
          `${where}: the chat template changes earlier turns when a turn is added`,
          'give another one with --chat-template',
        );
      }
      if (text.length > done.length) spans.push({ text: text.slice(done.length), learned });
      done = text;
    };
    for (const [index, { role }] of messages.entries()) {
      if (role !== 'assistant') continue;
      addUpTo(template.render(messages.slice(0, index), true, where), false);
      addUpTo(template.render(messages.slice(0, index + 1), false, where), true);
    }
    return spans;
  }
}
