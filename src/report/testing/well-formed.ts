const voidElements = new Set(['meta', 'br', 'hr', 'img', 'input', 'link', 'wbr']);

/** What is wrong with the nesting of tags, the quotes of attributes or the escapes of a document; empty if nothing is. */
export function markupErrors(document: string): readonly string[] {
  const errors: string[] = [];
  const open: string[] = [];
  const withoutStyle = document.replace(/<!DOCTYPE html>/, '').replace(/<style>[^<]*<\/style>/, '');
  let end = 0;
  for (const { 0: tag, index } of withoutStyle.matchAll(/<[^>]*>/g)) {
    const text = withoutStyle.slice(end, index);
    end = index + tag.length;
    if (/[<>]|&(?!#?\w+;)/.test(text)) errors.push(`unescaped text: ${text.trim().slice(0, 60)}`);
    const parts = /^<(\/?)([a-zA-Z][\w-]*)((?:\s+[\w:-]+(?:="[^"<]*")?)*)\s*(\/?)>$/.exec(tag);
    if (!parts) {
      errors.push(`malformed tag: ${tag.slice(0, 80)}`);
      continue;
    }
    const [, closing, name, , selfClosing] = parts;
    if (closing) {
      const expected = open.pop();
      if (expected !== name) errors.push(`</${name}> closes <${expected}>`);
    } else if (!selfClosing && !voidElements.has(name)) open.push(name);
  }
  return [...errors, ...open.map((name) => `<${name}> is never closed`)];
}
