#!/usr/bin/env node
import { CommanderError } from 'commander';
import { describeError, isBrokenPipe } from './errors.js';
import { packageVersion } from './package-root.js';
import { buildProgram } from './program.js';

// Whoever read the output has seen enough, as in `compact generate … | head`.
process.stdout.on('error', (error) => {
  if (isBrokenPipe(error)) process.exit(0);
  throw error;
});
// Nobody watches the progress any more; that is no reason to stop training.
process.stderr.on('error', (error) => {
  if (!isBrokenPipe(error)) throw error;
});

try {
  const program = buildProgram(packageVersion(), (exitCode) => {
    process.exitCode = exitCode;
  });
  if (process.argv.length <= 2) program.outputHelp();
  else await program.parseAsync(process.argv);
} catch (error) {
  const isHelp = error instanceof CommanderError && error.exitCode === 0;
  if (!isHelp) {
    const { message, hint, exitCode } = describeError(error);
    process.stderr.write(`error: ${message}\n${hint ? `hint: ${hint}\n` : ''}`);
    if (process.argv.includes('--debug') && error instanceof Error) process.stderr.write(`${error.stack}\n`);
    process.exitCode = exitCode;
  }
}
