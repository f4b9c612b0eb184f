/** Whether a name matches. */
export type Matcher = (name: string) => boolean;

/** A pattern of dotted names, in which `*` stands for any run of characters and `{3-7}` for the numbers 3 to 7. */
export function matcher(pattern: string): Matcher {
  const parts = pattern.split(/(\*|\{\d+-\d+\})/);
  if (parts.length === 1) return (name) => name === pattern;
  // Most names are told apart by what is written out, which takes less than an expression.
  const [first, last] = [parts[0], parts[parts.length - 1]];
  let matchesParts: Matcher | undefined;
  return (name) => {
    if (!name.startsWith(first) || !name.endsWith(last)) return false;
    matchesParts ??= expressionMatcher(parts);
    return matchesParts(name);
  };
}

function expressionMatcher(parts: readonly string[]): Matcher {
  const ranges: { readonly first: number; readonly last: number }[] = [];
  const source = parts
    .map((part) => {
      if (part === '*') return '.*';
      const range = /^\{(\d+)-(\d+)\}$/.exec(part);
      if (!range) return part.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
      ranges.push({ first: Number(range[1]), last: Number(range[2]) });
      return '(\\d+)';
    })
    .join('');
  const expression = new RegExp(`^${source}$`);
  if (ranges.length === 0) return (name) => expression.test(name);
  return (name) => {
    const numbers = expression.exec(name)?.slice(1);
    return numbers?.every((text, index) => isWithin(Number(text), ranges[index])) ?? false;
  };
}

function isWithin(value: number, { first, last }: { readonly first: number; readonly last: number }): boolean {
  return first <= value && value <= last;
}

export function matches(pattern: string, name: string): boolean {
  return matcher(pattern)(name);
}

/** The last of these rules whose pattern matches a name; to be asked often. */
export function ruleFinder<R extends { readonly match: string }>(rules: readonly R[]): (name: string) => R | undefined {
  const matchers = rules.map(({ match }) => matcher(match));
  return (name) => rules[matchers.findLastIndex((matchesName) => matchesName(name))];
}

/** The last rule whose pattern matches. */
export function lastMatch<R extends { readonly match: string }>(rules: readonly R[], name: string): R | undefined {
  return ruleFinder(rules)(name);
}
