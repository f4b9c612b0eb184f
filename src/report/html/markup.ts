/** Text that is HTML already. Everything else is escaped when it is put into a page. */
export class Html {
  readonly markup: string;

  constructor(markup: string) {
    this.markup = markup;
  }

  toString(): string {
    return this.markup;
  }
}

/** What a template may hold; absent and false things are left out. */
export type Content = Html | string | number | undefined | null | false | '' | readonly Content[];

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Escapes text for content and for quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character]);
}

/** Template of HTML: literals are taken as they are, values are escaped unless they are {@link Html} themselves. */
export function html(literals: TemplateStringsArray, ...values: readonly Content[]): Html {
  return new Html(
    literals.map((literal, index) => literal + (index < values.length ? render(values[index]) : '')).join(''),
  );
}

/** Markup from a trusted source. */
export function raw(markup: string): Html {
  return new Html(markup);
}

function render(content: Content): string {
  if (content === undefined || content === null || content === false) return '';
  if (content instanceof Html) return content.markup;
  if (typeof content === 'string' || typeof content === 'number') return escapeHtml(String(content));
  return content.map(render).join('');
}
