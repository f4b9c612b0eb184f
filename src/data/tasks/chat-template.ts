import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Template } from '@huggingface/jinja';
import { z } from 'zod';
import { InputError } from '../../engine/errors.js';
import { replaceFileWith } from '../../models/save-file.js';

/** A turn of a conversation. */
export interface ChatMessage {
  readonly role: string;
  readonly content: string;
}

export const chatTemplateFile = 'chat_template.jinja';

const tokenName = z.union([z.string(), z.looseObject({ content: z.string() })]).nullish();
const configSchema = z.looseObject({
  chat_template: z.union([z.string(), z.array(z.looseObject({ name: z.string(), template: z.string() }))]).nullish(),
  bos_token: tokenName,
  eos_token: tokenName,
});

/** How a model writes conversations: Hugging Face's chat templates, in Jinja. */
export class ChatTemplate {
  readonly source: string;
  readonly #template: Template;
  readonly #tokens: Readonly<Record<string, string>>;

  /**
   * @param tokens names that the template may use, such as `bos_token`
   * @throws InputError if it is no template
   */
  constructor(source: string, tokens: Readonly<Record<string, string>>, where: string) {
    this.source = source;
    this.#tokens = tokens;
    try {
      this.#template = new Template(source);
    } catch (error) {
      throw new InputError(`${where}: not a chat template: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /**
   * The conversation as text.
   *
   * @param generationPrompt end with what comes before an answer
   * @throws InputError if the template refuses it, for example two turns of one role
   */
  render(messages: readonly ChatMessage[], generationPrompt: boolean, where: string): string {
    try {
      return this.#template.render({ ...this.#tokens, messages, add_generation_prompt: generationPrompt });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new InputError(`${where}: the chat template refuses the messages: ${reason}`);
    }
  }

  /** Writes it where {@link loadChatTemplate} and Hugging Face's libraries look for it. */
  async save(directory: string): Promise<void> {
    await replaceFileWith(join(directory, chatTemplateFile), this.source);
  }
}

/**
 * The chat template of a model's directory, or the one in a file.
 *
 * @param directory of the tokenizer; names the special tokens
 * @param path a `.jinja` file instead of the directory's own template
 * @returns undefined where there is none
 * @throws InputError if it cannot be read
 */
export async function loadChatTemplate(directory: string, path?: string): Promise<ChatTemplate | undefined> {
  const config = await readConfig(join(directory, 'tokenizer_config.json'));
  const tokens = Object.fromEntries(
    (['bos_token', 'eos_token'] as const).flatMap((name) => {
      const token = config[name];
      return token == null ? [] : [[name, typeof token === 'string' ? token : token.content]];
    }),
  );
  const own = join(directory, chatTemplateFile);
  const file = path ?? (existsSync(own) ? own : undefined);
  if (file !== undefined) {
    if (!existsSync(file)) throw new InputError(`${file}: no such file`, '--chat-template names a Jinja file');
    return new ChatTemplate(await readFile(file, 'utf8'), tokens, file);
  }
  const { chat_template: given } = config;
  const source = typeof given === 'string' ? given : given?.find(({ name }) => name === 'default')?.template;
  return source === undefined ? undefined : new ChatTemplate(source, tokens, directory);
}

async function readConfig(path: string): Promise<z.infer<typeof configSchema>> {
  if (!existsSync(path)) return {};
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, 'utf8'));
  } catch {
    throw new InputError(`${path}: not valid JSON`);
  }
  const parsed = configSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new InputError(`${path}: ${parsed.error.issues[0]?.path.join('.')}: ${parsed.error.issues[0]?.message}`);
}
