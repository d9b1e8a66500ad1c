import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ABSENT, FileWatch, fingerprintOf, systemFiles } from '../../../src/cli/FileWatch.ts';
import type { WatchableFiles } from '../../../src/cli/FileWatch.ts';
import { systemClock } from '../../../src/shared/clock.ts';
import { FakeClock } from '../../support/FakeClock.ts';
import { waitFor } from '../../support/waitFor.ts';

/** A folder of this test, and a watch of one real file in it. */
async function real(file: string, prepare: (folder: string) => Promise<void>) {
  const folder = await mkdtemp(join(tmpdir(), 'watched-'));
  await prepare(folder);
  const path = join(folder, file);
  const known = async (): Promise<Map<string, string>> =>
    new Map([[path, await systemFiles.read(path).then(fingerprintOf, () => ABSENT)]]);
  const changes: string[] = [];
  const failures: unknown[] = [];
  const read = async (): Promise<void> => {
    const text = await systemFiles.read(path);
    watch.expect(new Map([[path, fingerprintOf(text)]]));
    changes.push(text);
  };
  const watch = new FileWatch({
    files: systemFiles,
    // Without regular looks, what is noticed was reported by the system.
    clock: { ...systemClock, every: () => ({ [Symbol.dispose]: () => undefined }) },
    onChange: () => void read(),
    onUnwatchable: (_folder, error) => failures.push(error),
  });
  watch.expect(await known());
  watch.start();
  return {
    folder,
    path,
    changes,
    failures,
    changed: (text: string) => waitFor(() => changes.includes(text), `the change to ${text}`),
    [Symbol.asyncDispose]: async () => {
      watch[Symbol.dispose]();
      await rm(folder, { recursive: true });
    },
  };
}

describe('a file that is watched', () => {
  it('is noticed when it is written in place, replaced by another one, and again afterwards', async () => {
    await using file = await real('config.yaml', (folder) => writeFile(join(folder, 'config.yaml'), 'one'));
    await writeFile(file.path, 'two');
    await file.changed('two');
    for (const text of ['three', 'four']) {
      await writeFile(join(file.folder, '.config.yaml.swp'), text);
      await rename(join(file.folder, '.config.yaml.swp'), file.path);
      await file.changed(text);
    }
    expect(file.changes).toEqual(['two', 'three', 'four']);
    expect(file.failures).toEqual([]);
  });

  it('is noticed when the link changes that it is reached through, as Kubernetes does it', async () => {
    const version = async (folder: string, name: string, text: string): Promise<void> => {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, 'config.yaml'), text);
    };
    await using file = await real('config.yaml', async (folder) => {
      await version(folder, '..2026_01', 'one');
      await symlink('..2026_01', join(folder, '..data'));
      await symlink(join('..data', 'config.yaml'), join(folder, 'config.yaml'));
    });
    for (const [name, text] of [
      ['..2026_02', 'two'],
      ['..2026_03', 'three'],
    ] as const) {
      await version(file.folder, name, text);
      await symlink(name, join(file.folder, '..data_tmp'));
      await rename(join(file.folder, '..data_tmp'), join(file.folder, '..data'));
      await file.changed(text);
    }
    expect(file.changes).toEqual(['two', 'three']);
  });

  it('is noticed when it appears', async () => {
    await using file = await real('config.yaml', () => Promise.resolve());
    await writeFile(file.path, 'first');
    await file.changed('first');
  });
});

/** A file in memory and a clock that the test moves. */
function scripted({ isUnwatchable = false } = {}) {
  const clock = new FakeClock();
  let text: string | null = 'one';
  let reads = 0;
  let changes = 0;
  const failures: string[] = [];
  const watchers = new Set<(name: string | null) => void>();
  const files: WatchableFiles = {
    read: () => {
      reads += 1;
      return text === null ? Promise.reject(new Error('no such file')) : Promise.resolve(text);
    },
    watch: (_folder, changed) => {
      if (isUnwatchable) throw new Error('too many watches');
      watchers.add(changed);
      return { [Symbol.dispose]: () => void watchers.delete(changed) };
    },
  };
  const known = (): Map<string, string> =>
    new Map([['/etc/config.yaml', text === null ? ABSENT : fingerprintOf(text)]]);
  const watch = new FileWatch({
    files,
    clock,
    onChange: () => {
      changes += 1;
      watch.expect(known());
    },
    onUnwatchable: (folder) => failures.push(folder),
  });
  watch.expect(known());
  watch.start();
  return {
    clock,
    watch,
    watchers,
    failures,
    write: (next: string | null): void => {
      text = next;
    },
    stir: (name: string | null = 'config.yaml'): void => {
      for (const changed of watchers) changed(name);
    },
    reads: () => reads,
    changes: () => changes,
  };
}

describe('a watch', () => {
  it('waits until a file that is being written has stayed the same', async () => {
    const { clock, write, stir, changes } = scripted();
    await clock.advance(0);
    for (let piece = 0; piece < 20; piece += 1) {
      write(`two ${'x'.repeat(piece)}`);
      stir();
      await clock.advance(90);
    }
    expect(changes()).toBe(0);
    await clock.advance(300);
    expect(changes()).toBe(1);
    await clock.advance(60_000);
    expect(changes()).toBe(1);
  });

  it.each([
    ['missing', null],
    ['empty', ' \n'],
  ])('takes a file that is %s for a moment for one that is being replaced', async (_name, gone) => {
    const { clock, write, stir, changes } = scripted();
    write(gone);
    stir();
    await clock.advance(1_900);
    write('one');
    await clock.advance(10_000);
    expect(changes()).toBe(0);
    write(gone);
    stir();
    await clock.advance(1_900);
    write('two');
    await clock.advance(300);
    expect(changes()).toBe(1);
    write(gone);
    stir();
    await clock.advance(2_300);
    expect(changes()).toBe(2);
  });

  it('notices within five seconds what nobody reports, in a folder that can not be watched, and says that once', async () => {
    const { clock, write, changes, failures } = scripted({ isUnwatchable: true });
    for (const text of ['two', 'three']) {
      write(text);
      await clock.advance(5_200);
    }
    expect(changes()).toBe(2);
    expect(failures).toEqual(['/etc']);
  });

  it('notices what was written before it began', async () => {
    const { clock, write, changes } = scripted();
    write('two');
    await clock.advance(200);
    expect(changes()).toBe(1);
  });

  it('does not read its files because others in the folder change', async () => {
    const { clock, stir, reads } = scripted();
    await clock.advance(100);
    const before = reads();
    for (let turn = 0; turn < 10; turn += 1) {
      stir('a.log');
      await clock.advance(200);
    }
    expect(reads()).toBe(before);
    for (const name of ['config.yaml', '..data', null]) {
      stir(name);
      await clock.advance(200);
    }
    expect(reads()).toBe(before + 3);
  });

  it('leaves no timer and no watched folder behind', async () => {
    const { clock, watch, watchers, write, stir, changes } = scripted();
    expect(watchers.size).toBe(1);
    write('two');
    stir();
    await clock.advance(50);
    watch[Symbol.dispose]();
    expect([clock.pending, watchers.size]).toEqual([0, 0]);
    await clock.advance(60_000);
    expect(changes()).toBe(0);
  });
});
