import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  // Vite would take graphql's development build, but Node takes the other one for yoga, and two copies of graphql refuse each
  // other's schemas.
  resolve: { alias: [{ find: /^graphql$/, replacement: fileURLToPath(import.meta.resolve('graphql')) }] },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/buildDashboard.ts'],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    // Real servers, real sockets and a browser share the machine: two files at a time keep deadlines honest.
    maxWorkers: 2,
  },
});
