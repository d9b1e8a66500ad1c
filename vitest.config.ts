import { defineConfig } from 'vitest/config';

export default defineConfig({
  // Vite would take graphql's module build, Node takes its main one, for yoga too: two copies refuse each other's schemas.
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    // Real servers, real sockets and a browser share the machine: two files at a time keep deadlines honest.
    maxWorkers: 2,
  },
});
