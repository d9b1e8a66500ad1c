import { readFileSync, writeFileSync } from 'node:fs';
import { configReference } from './configReference.ts';

// Writes the pages that are generated. With --check it writes nothing, and fails if one of them is out of date.
const { file, text } = await configReference();
if (!process.argv.includes('--check')) {
  writeFileSync(file, text);
} else if (readFileSync(file, 'utf8') !== text) {
  console.error('docs/configuration.md is out of date: run npm run docs:config.');
  process.exitCode = 1;
}
