import { defineConfig } from 'vitest/config';

/** An arm64 Node, or a script that runs one in an emulator; `npm run test:arm` sets it. */
const node = process.env.COMPACT_ARM_NODE;
if (!node) throw new Error('COMPACT_ARM_NODE names no arm64 Node; use npm run test:arm');
// Vitest itself needs addons of its own for this machine, so only its workers, which run the tests, are emulated.
process.execPath = node;

export default defineConfig({
  test: {
    environment: 'node',
    include: ['src/**/*.test.ts', 'tests/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // Emulation takes ten to fifty times as long.
    testTimeout: 3_600_000,
    hookTimeout: 3_600_000,
    teardownTimeout: 60_000,
  },
});
