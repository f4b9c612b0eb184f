import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    environment: 'node',
    globalSetup: ['tests/cli/build-once.ts'],
    include: ['src/**/*.test.ts', 'tests/**/*.test.ts'],
    // Processes, not worker threads: the native addon keeps a thread pool of its own, and two workers are all that a
    // machine with two cores can use.
    pool: 'forks',
    maxWorkers: 2,
    // For hangs only: a test that plans whole models takes seconds, and minutes beside other programs.
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
