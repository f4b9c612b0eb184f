/**
 * Number of the block that a slot or a parameter belongs to: `layers.3.` of slots and LLaMA, `layer.3.` of BERT, `h.3.` of GPT-2;
 * undefined for what lies outside.
 */
export function blockOf(name: string): number | undefined {
  const [, number] = /(?:^|\.)(?:layers?|h)\.(\d+)\./.exec(name) ?? [];
  return number === undefined ? undefined : Number(number);
}
