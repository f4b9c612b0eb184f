import { z } from 'zod';
import type { TokenizerJson } from './tokenizer-json.js';

/** A place in a sequence: a special token's id, or one of the two texts. */
export interface TemplatePart {
  readonly insert: number | 'first' | 'second';
  /** Segment (`token_type_ids`) of what stands here. */
  readonly typeId: number;
}

/** How a model sees a text, and a pair of texts: what stands around them. */
export interface SequenceTemplate {
  readonly single: readonly TemplatePart[];
  readonly pair: readonly TemplatePart[];
}

const named = z.tuple([z.string(), z.int().nonnegative()]);
const segment = z.int().nonnegative();
const templatePart = z.union([
  z.object({ SpecialToken: z.object({ id: z.string(), type_id: segment }) }),
  z.object({ Sequence: z.object({ id: z.enum(['A', 'B']), type_id: segment }) }),
]);
const processor = z.discriminatedUnion('type', [
  z.object({ type: z.literal('BertProcessing'), cls: named, sep: named }),
  z.object({ type: z.literal('RobertaProcessing'), cls: named, sep: named }),
  z.object({
    type: z.literal('TemplateProcessing'),
    single: z.array(templatePart),
    pair: z.array(templatePart),
    special_tokens: z.record(z.string(), z.object({ ids: z.array(segment) })),
  }),
]);
const sequence = z.object({ type: z.literal('Sequence'), processors: z.array(z.unknown()) });

/**
 * The template in a tokenizer.json's `post_processor`; where it has none, BERT's or RoBERTa's by the names of the special
 * tokens; undefined for tokenizers without any.
 */
export function findSequenceTemplate({ post_processor, added_tokens }: TokenizerJson): SequenceTemplate | undefined {
  const listed = sequence.safeParse(post_processor);
  for (const candidate of listed.success ? listed.data.processors : [post_processor]) {
    const parsed = processor.safeParse(candidate);
    if (parsed.success) return templateOf(parsed.data);
  }
  const idOf = (name: string) => added_tokens.find(({ content }) => content === name)?.id;
  const [cls, sep, start, end] = ['[CLS]', '[SEP]', '<s>', '</s>'].map(idOf);
  if (cls !== undefined && sep !== undefined) return bertTemplate(cls, sep);
  if (start !== undefined && end !== undefined) return robertaTemplate(start, end);
  return undefined;
}

/** `[CLS] a [SEP]`, and `[CLS] a [SEP] b [SEP]` with the second segment from b on. */
export function bertTemplate(cls: number, sep: number): SequenceTemplate {
  const single = [part(cls), part('first'), part(sep)];
  return { single, pair: [...single, part('second', 1), part(sep, 1)] };
}

/** `<s> a </s>`, and `<s> a </s></s> b </s>`, all in one segment. */
export function robertaTemplate(start: number, end: number): SequenceTemplate {
  const single = [part(start), part('first'), part(end)];
  return { single, pair: [...single, part(end), part('second'), part(end)] };
}

function part(insert: TemplatePart['insert'], typeId = 0): TemplatePart {
  return { insert, typeId };
}

function templateOf(given: z.infer<typeof processor>): SequenceTemplate {
  if (given.type === 'BertProcessing') return bertTemplate(given.cls[1], given.sep[1]);
  if (given.type === 'RobertaProcessing') return robertaTemplate(given.cls[1], given.sep[1]);
  const parts = (list: readonly z.infer<typeof templatePart>[]) =>
    list.flatMap((one) => {
      if ('Sequence' in one) return [part(one.Sequence.id === 'A' ? 'first' : 'second', one.Sequence.type_id)];
      const ids = given.special_tokens[one.SpecialToken.id]?.ids ?? [];
      return ids.map((id) => part(id, one.SpecialToken.type_id));
    });
  return { single: parts(given.single), pair: parts(given.pair) };
}
