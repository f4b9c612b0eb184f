/** Whether a dotted name matches a pattern in which `*` stands for any run of characters. */
export function matches(pattern: string, name: string): boolean {
  const escaped = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${escaped.join('.*')}$`).test(name);
}

/** The last rule whose pattern matches. */
export function lastMatch<R extends { readonly match: string }>(rules: readonly R[], name: string): R | undefined {
  return rules.findLast((rule) => matches(rule.match, name));
}
