import { readConfigFile } from './config-file.js';
import { type GivenOptions, mergeOptions, type OptionTable, type OptionValues, readOptions } from './option-table.js';
import { type GlobalValues, globalOptions } from './options.js';
import { Output } from './output.js';

/** What a command is given: its own options and those that every command has. */
export type CommandValues<S extends OptionTable> = OptionValues<S> & GlobalValues;

/** A command: its options, and the module that runs it, loaded when it is called. */
export interface CommandDefinition<S extends OptionTable> {
  readonly name: string;
  readonly summary: string;
  /** Shown below the options. */
  readonly example: string;
  readonly options: S;
  /** Placeholder of the operand, if the command takes one. */
  readonly operand?: string;
  /** The command looks at models' configurations alone: weights of hub models need not be fetched. */
  readonly shapesOnly?: boolean;
  /** Resolves to the exit code; 0 where nothing is returned. */
  run(values: CommandValues<S>, output: Output, operands: readonly string[]): Promise<number | undefined>;
}

/** A command as the argument parser sees it: the types of its options are behind it. */
export interface Command extends Pick<CommandDefinition<OptionTable>, 'name' | 'summary' | 'example' | 'operand'> {
  readonly options: OptionTable;
  /** Reads config file and options, runs; resolves to the exit code. */
  execute(commandLine: GivenOptions, operands: readonly string[]): Promise<number>;
}

export function command<S extends OptionTable>(definition: CommandDefinition<S>): Command {
  const table: OptionTable = { ...definition.options, ...globalOptions };
  return {
    ...definition,
    async execute(commandLine, operands) {
      const given = mergeOptions(table, commandLine, await readConfigFile(commandLine.config));
      const globals = readOptions(globalOptions, given);
      const output = new Output(globals);
      const { fetchHubModels } = await import('./hub-models.js');
      const local = await fetchHubModels(given, !definition.shapesOnly, output);
      const values = { ...readOptions(definition.options, local), ...globals };
      return (await definition.run(values, output, operands)) ?? 0;
    },
  };
}
