import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts', 'examples/**/*.vitest.ts'],
    testTimeout: 60_000,
    hookTimeout: 180_000,
    // On a machine shared with others a process may stand still for seconds. A second try is named in the closing lines.
    retry: process.env['CI'] ? 1 : 0,
    // Each file has a Redis of its own on a port of its own.
    maxWorkers: 3,
    reporters: ['default', './test/support/closing-line.ts'],
  },
});
