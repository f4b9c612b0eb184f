import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory, writeTo } from '../../../tests/support/temporary-directory.js';
import { InputError } from '../../engine/errors.js';
import { ByteTokenizer } from '../tokenizer/byte-tokenizer.js';
import { ChatTemplate, loadChatTemplate } from './chat-template.js';
import { collateInstructions } from './collate.js';
import { InstructionEncoder, readInstructions } from './instructions.js';

const root = temporaryDirectory();
const tokenizer = new ByteTokenizer();
const template = new ChatTemplate(
  "{% for m in messages %}{{ '<' + m.role[0] + '>' + m.content + eos_token }}{% endfor %}{% if add_generation_prompt %}<a>{% endif %}",
  { eos_token: '|' },
  'test',
);

function encoder(maxLength = 64, truncate = false, chat: ChatTemplate | undefined = template) {
  return new InstructionEncoder(tokenizer, chat, { maxLength, truncate });
}

/** The text that is learned, what is not shown as dots. */
function learned({ targets }: { readonly targets: Int32Array }): string {
  return Array.from(targets, (id) => (id < 0 ? '.' : id === 256 ? '$' : String.fromCharCode(id))).join('');
}

const rowOf = async (content: object) => {
  const [row] = await readInstructions(writeTo(root, 'row.jsonl', `${JSON.stringify(content)}\n`));
  return row;
};

describe('prompt and completion', () => {
  it('only the completion and the end of text are learned', async () => {
    const encoded = encoder().encode(await rowOf({ prompt: 'Q: ', completion: 'yes' }));
    expect(String.fromCharCode(...encoded.ids)).toBe('Q: yes');
    expect(learned(encoded)).toBe('..yes$');
  });
});

describe('conversations', () => {
  const messages = [
    { role: 'system', content: 'S' },
    { role: 'user', content: 'hi' },
    { role: 'assistant', content: 'ho' },
    { role: 'user', content: 'so' },
    { role: 'assistant', content: 'no' },
  ];

  it('only the answers are learned, with what ends them', async () => {
    const encoded = encoder().encode(await rowOf({ messages }));
    expect(String.fromCharCode(...encoded.ids)).toBe('<s>S|<u>hi|<a>ho|<u>so|<a>no');
    expect(learned(encoded)).toBe(`${'.'.repeat(13)}ho|${'.'.repeat(9)}no|`);
  });

  it('what follows the last answer is left out', async () => {
    const encoded = encoder().encode(await rowOf({ messages: messages.slice(0, 4) }));
    expect(String.fromCharCode(...encoded.ids)).toBe('<s>S|<u>hi|<a>ho');
  });

  it('need a template', async () => {
    const row = await rowOf({ messages });
    const without = new InstructionEncoder(tokenizer, undefined, { maxLength: 64, truncate: false });
    expect(() => without.encode(row)).toThrow(/row\.jsonl:1: the model has no chat template/);
  });

  it('show what the template refuses', async () => {
    const strict = new ChatTemplate("{{ raise_exception('roles must alternate') }}", {}, 'test');
    const row = await rowOf({ messages });
    expect(() => encoder(64, false, strict).encode(row)).toThrow(/row\.jsonl:1: .*refuses.*roles must alternate/);
  });
});

describe('too long an instruction', () => {
  it('is refused, or cut where part of the answer is left', async () => {
    const row = await rowOf({ prompt: 'abc', completion: 'defg' });
    expect(() => encoder(5).encode(row)).toThrow('row.jsonl:1: the text has 7 tokens, the most is 5');
    expect(learned(encoder(5, true).encode(row))).toBe('..def');
    expect(() => encoder(2, true).encode(row)).toThrow(/the prompt alone fills the 2 tokens/);
  });
});

describe('files', () => {
  it.each([
    ['neither form', '{"text": "x"}', /row\.jsonl:1: no instruction/],
    ['an empty answer', '{"prompt": "x", "completion": " "}', /nothing to learn/],
    ['no answer', '{"messages": [{"role": "user", "content": "x"}]}', /nothing to learn/],
    ['no JSON', 'x', /row\.jsonl:1: not a JSON object/],
    ['nothing', '\n', /holds no row/],
  ])('%s is refused with the place', async (_, line, message) => {
    const reading = readInstructions(writeTo(root, 'row.jsonl', line));
    await expect(reading).rejects.toThrow(InputError);
    await expect(reading).rejects.toThrow(message);
  });

  it('a template comes from the configuration, a file beside it, or one that is named', async () => {
    const config = { chat_template: '{{ bos_token }}!', bos_token: { content: '<s>' } };
    writeTo(root, 'model/tokenizer_config.json', JSON.stringify(config));
    const directory = join(root, 'model');
    const render = async (path?: string) => (await loadChatTemplate(directory, path))?.render([], false, 'x');
    expect(await render()).toBe('<s>!');
    await new ChatTemplate('{{ bos_token }}?', {}, 'x').save(directory);
    expect(await render()).toBe('<s>?');
    expect(await render(writeTo(root, 'other.jinja', 'other'))).toBe('other');
    expect(await loadChatTemplate(root)).toBeUndefined();
    await expect(loadChatTemplate(directory, 'nowhere.jinja')).rejects.toThrow('nowhere.jinja: no such file');
    await expect(render(writeTo(root, 'bad.jinja', '{% if %}'))).rejects.toThrow(/bad\.jinja: not a chat template/);
  });
});

it('rows are filled up behind, where nothing is predicted', async () => {
  const encoded = [];
  for (const completion of ['ab', 'abcdefghij'])
    encoded.push(encoder().encode(await rowOf({ prompt: 'p', completion })));
  const batch = collateInstructions({ padId: 7, maxLength: 13 })(encoded);
  expect([batch.batch, batch.sequenceLength]).toEqual([2, 13]);
  expect([...batch.inputs.subarray(3, 13)]).toEqual(Array(10).fill(7));
  expect([...batch.targets.subarray(3, 13)]).toEqual(Array(10).fill(-100));
});
