import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 180_000,
    // Each file has a Redis of its own on a port of its own.
    maxWorkers: 3,
    reporters: ['default', './test/support/closing-line.ts'],
  },
});
