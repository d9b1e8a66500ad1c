import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { projectFolder } from '../support/GatewayProcess.ts';

interface Walks {
  readonly tradeOverGraphql: readonly string[];
  readonly tradeOverRaw: readonly string[];
  readonly subscription: readonly string[];
}

/** Files that any code uses are not steps of a walk, as ARCHITECTURE.md says. */
const NO_STEP = /^src\/(?:market|shared|core\/replay)\/|^src\/graphql\/scalars\.ts$|^src\/transport\/json\.ts$/;
const SHAPES = /^src\/graphql\/shapes\//;
const MOST_FILES = { trade: 18, subscription: 21 };

const page = readFileSync(join(projectFolder, 'ARCHITECTURE.md'), 'utf8');

/** The source files that a part of the page names, from one text to another. */
function filesNamed(from: string, to: string): readonly string[] {
  const part = page.slice(page.indexOf(from), page.indexOf(to, page.indexOf(from)));
  return [...new Set(part.matchAll(/`([\w/]+\.ts)`/g).map(([, path]) => `src/${path}`))];
}

const trade = filesNamed('**A trade from', 'In the raw protocol');
const inRaw = filesNamed('In the raw protocol', '**The arguments of');
const subscription = filesNamed('**The arguments of', 'On the way');

describe('the walks that ARCHITECTURE.md describes', () => {
  let walks: Walks;

  beforeAll(async () => {
    const script = join(projectFolder, 'test/support/recordWalks.ts');
    const { stdout } = await promisify(execFile)(process.execPath, [script], { cwd: projectFolder });
    walks = JSON.parse(stdout) as Walks;
  });

  const steps = (walk: readonly string[]): readonly string[] => walk.filter((file) => !NO_STEP.test(file)).toSorted();

  it('match those of a trade over GraphQL, every file and no other', () => {
    expect(steps(walks.tradeOverGraphql)).toEqual(trade.toSorted());
  });

  it('match those of a trade in the raw protocol, except for the files that differ', () => {
    const expected = [
      ...trade.filter((file) => !SHAPES.test(file)),
      ...inRaw.filter((file) => existsSync(join(projectFolder, file))),
    ];
    expect(steps(walks.tradeOverRaw)).toEqual(expected.toSorted());
  });

  it('match those of a subscription, which enters every file that is named', () => {
    expect(subscription.length).toBeGreaterThan(10);
    expect(subscription.filter((file) => !walks.subscription.includes(file))).toEqual([]);
  });

  it('are short enough to be followed', () => {
    expect(trade.length).toBeLessThanOrEqual(MOST_FILES.trade);
    expect(subscription.length).toBeLessThanOrEqual(MOST_FILES.subscription);
  });
});
