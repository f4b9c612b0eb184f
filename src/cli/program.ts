import { Command as Commander } from 'commander';
import { flagName } from '../plan/flag-name.js';
import type { Command } from './command.js';
import { commands } from './command-table.js';
import type { OptionTable } from './option-table.js';
import { globalOptions } from './options.js';

/**
 * The command line as the argument parser knows it.
 *
 * @param finish told the exit code of the command that ran
 */
export function buildProgram(version: string, finish: (exitCode: number) => void): Commander {
  const program = new Commander('compact')
    .description('Train language models in a fraction of the memory, with every saved byte accounted for.')
    .version(version);
  quietly(program);
  const groups = new Map<string, Commander>();
  for (const definition of commands) {
    const [first, second] = definition.name.split(' ');
    let parent = program;
    if (second) {
      parent = groups.get(first) ?? quietly(program.command(first).description(groupSummaries[first] ?? ''));
      groups.set(first, parent);
    }
    addCommand(parent, second ?? first, definition, finish);
  }
  return program;
}

const groupSummaries: { readonly [group: string]: string } = {
  tokenizer: 'make a tokenizer',
  bench: 'measure speed on this machine',
};

function addCommand(parent: Commander, name: string, definition: Command, finish: (exitCode: number) => void): void {
  const added = quietly(parent.command(name).description(definition.summary));
  if (definition.operand) added.argument(definition.operand);
  addOptions(added, definition.options);
  added.optionsGroup('Options of every command:');
  addOptions(added, globalOptions);
  added.addHelpText('after', `\nExample:\n  ${definition.example}`);
  added.action(async () => {
    finish(await definition.execute(added.opts<Record<string, unknown>>(), added.args));
  });
}

function addOptions(added: Commander, table: OptionTable): void {
  for (const [key, { placeholder, description }] of Object.entries(table)) {
    added.option(placeholder ? `${flagName(key)} ${placeholder}` : flagName(key), description);
  }
}

/** Errors are reported in one place, in one form; see errors.ts. */
function quietly(command: Commander): Commander {
  return command
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .showSuggestionAfterError()
    .helpCommand(false);
}
