import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: {
    alias: [
      // Vite would take graphql's development build, but Node takes the other one for yoga, and two copies of graphql refuse each
      // other's schemas.
      { find: /^graphql$/, replacement: fileURLToPath(import.meta.resolve('graphql')) },
      // Everywhere else the name stands for the compiled file.
      { find: /^tickgraph\/client$/, replacement: fileURLToPath(new URL('client/index.ts', import.meta.url)) },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/buildOnce.ts'],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    // Real servers, real sockets and a browser share the machine: two files at a time keep deadlines honest.
    maxWorkers: 2,
  },
});
