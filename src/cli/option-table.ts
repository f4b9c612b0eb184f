import { InputError } from '../engine/errors.js';
import { flagName } from '../plan/flag-name.js';
import { flag, type Parser } from './value-parsers.js';

/** One option of a command: how it is shown, read, and what holds without it. */
export interface OptionSpec<T> {
  /** Shown after the name; absent for flags. */
  readonly placeholder?: string;
  readonly description: string;
  readonly parse: Parser<unknown>;
  /** Value where neither command line nor config file gives one. */
  readonly fallback: T;
  readonly required: boolean;
}

export type OptionTable = Readonly<Record<string, OptionSpec<unknown>>>;

/** The values that a table of options gives. */
export type OptionValues<S extends OptionTable> = {
  readonly [K in keyof S]: S[K] extends OptionSpec<infer T> ? T : never;
};

/** Values as they were given, by the options' names: text or true from the command line, anything from a config file. */
export type GivenOptions = Readonly<Record<string, unknown>>;

/** An option with a value, undefined where it is not given. */
export function optional<T>(placeholder: string, description: string, parse: Parser<T>): OptionSpec<T | undefined> {
  return { placeholder, description, parse, fallback: undefined, required: false };
}

/** An option with a default. */
export function defaulted<T>(placeholder: string, description: string, parse: Parser<T>, fallback: T): OptionSpec<T> {
  return {
    placeholder,
    description: `${description} (default: ${String(fallback)})`,
    parse,
    fallback,
    required: false,
  };
}

/** An option that must be given. */
export function required<T>(placeholder: string, description: string, parse: Parser<T>): OptionSpec<T> {
  // Reading fails before the missing fallback could be seen.
  return { placeholder, description, parse, fallback: undefined as T, required: true };
}

/** A flag, false where it is not given. */
export function toggle(description: string): OptionSpec<boolean> {
  return { description, parse: flag, fallback: false, required: false };
}

/**
 * The command line merged over a config file.
 *
 * @param config keys in camel or kebab case
 * @throws InputError for a key of the config file that the table does not have
 */
export function mergeOptions(table: OptionTable, commandLine: GivenOptions, config: GivenOptions): GivenOptions {
  const merged: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(config)) {
    const key = camelCase(name);
    if (!Object.hasOwn(table, key)) {
      throw new InputError(`config file: unknown option "${name}"`, 'its names are those of the flags');
    }
    if (value !== null) merged[key] = value;
  }
  return { ...merged, ...commandLine };
}

/**
 * The values of a table's options, read and checked.
 *
 * @throws InputError naming the option, what was expected and what was found
 */
export function readOptions<S extends OptionTable>(table: S, given: GivenOptions): OptionValues<S> {
  const entries = Object.entries(table).map(([key, spec]) => [key, readOption(key, spec, given[key])]);
  return Object.fromEntries(entries) as OptionValues<S>;
}

function readOption(key: string, spec: OptionSpec<unknown>, value: unknown): unknown {
  const name = flagName(key);
  if (value !== undefined) return spec.parse(asText(value, name), name);
  if (!spec.required) return spec.fallback;
  throw new InputError(`${name} is missing`, `${name} ${spec.placeholder}: ${spec.description}`);
}

function camelCase(key: string): string {
  return key.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function asText(value: unknown, name: string): string {
  if (Array.isArray(value)) return value.map((item) => asText(item, name)).join(',');
  if (typeof value === 'object' || typeof value === 'function') {
    throw new InputError(`${name}: expected a single value, found ${JSON.stringify(value)}`);
  }
  return String(value);
}

/** The entries that have a value, for interfaces whose absent fields must not be undefined. */
export function defined<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
