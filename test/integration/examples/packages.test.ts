import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectFolder } from '../../support/GatewayProcess.ts';
import { packagesOf } from '../../support/InstalledExample.ts';

const EXAMPLES = join(projectFolder, 'examples');
const folders = readdirSync(EXAMPLES, { withFileTypes: true }).filter((entry) => entry.isDirectory());
const withPackage = folders
  .map(({ name }) => name)
  .filter((name) => readdirSync(join(EXAMPLES, name)).includes('package.json'));
const own = readFileSync(join(projectFolder, 'package.json'), 'utf8');

describe('The packages of the examples', () => {
  it.each(withPackage)('of %s have the versions with which the project tests them', (example) => {
    for (const [name, version] of Object.entries(packagesOf(example))) {
      if (name === 'tickgraph') expect(version).toBe('file:../..');
      else expect(own).toContain(`"${name}": "${version}"`);
    }
  });
});

describe('The list of the examples', () => {
  it('has each of them, and each has a page that says what it shows', () => {
    const index = readFileSync(join(EXAMPLES, 'README.md'), 'utf8');
    const listed = [...index.matchAll(/\]\(([\w-]+)\)/g)].map(([, name]) => name);
    expect(new Set(listed)).toEqual(new Set(folders.map(({ name }) => name)));
    for (const { name } of folders) expect(readdirSync(join(EXAMPLES, name))).toContain('README.md');
  });
});

describe('The two examples with React', () => {
  it('differ in nothing but the client that they show', () => {
    const files = ['index.html', ...readdirSync(join(EXAMPLES, 'react-urql', 'src')).map((name) => join('src', name))];
    const differing = files.filter((file) => {
      const [apollo, urql] = ['react-apollo', 'react-urql'].map((name) =>
        readFileSync(join(EXAMPLES, name, file), 'utf8'),
      );
      return apollo !== urql;
    });
    expect(differing.toSorted()).toEqual([join('src', 'main.tsx'), join('src', 'useMarket.ts')]);
  });
});
