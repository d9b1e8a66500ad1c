import { createHash } from 'node:crypto';
import { watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Clock } from '../shared/clock.ts';

/** Two files with the same fingerprint have the same contents, as far as changes are noticed. */
export type Fingerprint = string;
/** The fingerprint of a file that can't be read. */
export const ABSENT: Fingerprint = 'absent';
const BLANK: Fingerprint = 'blank';

/** The fingerprint of a file with this text. It reveals nothing of it. */
export function fingerprintOf(text: string): Fingerprint {
  return text.trim() === '' ? BLANK : createHash('sha256').update(text).digest('base64');
}

/** The files of the system, as far as they are watched. */
export interface WatchableFiles {
  /** Rejects if there is no such file. */
  read(path: string): Promise<string>;
  /**
   * Calls `changed` with the name of whatever changes in the folder (null if the system does not say) until disposed of.
   * Throws if the folder can't be watched, or calls `failed` later.
   */
  watch(folder: string, changed: (name: string | null) => void, failed: (error: unknown) => void): Disposable;
}

export interface FileWatchOptions {
  readonly files: WatchableFiles;
  readonly clock: Clock;
  /** Called when a file contains something else than was expected, and that has lasted. */
  readonly onChange: () => void;
  /** Called if a folder can't be watched: its files are still looked at regularly. */
  readonly onUnwatchable: (folder: string, error: unknown) => void;
}

/** Files are read so often even if nothing is reported: a network's file system reports nothing. */
const LOOK_EVERY_MS = 5_000;
/** A file that is being written is read again after this, until it has stayed the same. */
const SETTLE_MS = 100;
/** The same for a file that is missing or empty, as it is while it is replaced. */
const REPLACED_MS = 2_000;

/**
 * Notices when files have other contents, however they were changed: written in place, replaced by another file, or reached
 * through a link that points elsewhere now. What is noticed has lasted for a moment, so that no half-written file is.
 */
export class FileWatch implements Disposable {
  readonly #options: FileWatchOptions;
  #expected: ReadonlyMap<string, Fingerprint> = new Map();
  readonly #folders = new Map<string, Disposable>();
  #regularly: Disposable | null = null;
  #later: Disposable | null = null;
  #isLooking = false;
  /** The unexpected contents that the last look found, and since when they have been so; null if there were none. */
  #found: { readonly text: string; readonly sinceMs: number } | null = null;

  constructor(options: FileWatchOptions) {
    this.#options = options;
  }

  /** The files to watch, and what is known of them. */
  expect(files: ReadonlyMap<string, Fingerprint>): void {
    this.#expected = files;
    this.#found = null;
    if (this.#regularly === null) return;
    this.#watchFolders();
    // No watch reports a change that came just before the folders were watched anew.
    this.#lookAfter(SETTLE_MS);
  }

  /** Begins to watch. Call this once. */
  start(): void {
    this.#regularly = this.#options.clock.every(LOOK_EVERY_MS, () => {
      this.#lookAfter(0);
    });
    this.#watchFolders();
    // Something may have changed since it was read.
    this.#lookAfter(0);
  }

  [Symbol.dispose](): void {
    this.#regularly?.[Symbol.dispose]();
    this.#regularly = null;
    this.#later?.[Symbol.dispose]();
    this.#later = null;
    for (const folder of this.#folders.values()) folder[Symbol.dispose]();
    this.#folders.clear();
  }

  #watchFolders(): void {
    const wanted = new Set([...this.#expected.keys()].map((path) => dirname(path)));
    // Those that stay are watched anew: a folder that was replaced by another reports nothing any more.
    for (const [folder, watching] of this.#folders) {
      if (watching === NOTHING && wanted.has(folder)) continue;
      watching[Symbol.dispose]();
      this.#folders.delete(folder);
    }
    for (const folder of wanted) if (!this.#folders.has(folder)) this.#watchFolder(folder);
  }

  #watchFolder(folder: string): void {
    const { files, onUnwatchable } = this.#options;
    const failed = (error: unknown): void => {
      // It stays in the map, so that this is said once.
      this.#folders.get(folder)?.[Symbol.dispose]();
      this.#folders.set(folder, NOTHING);
      onUnwatchable(folder, error);
    };
    try {
      const watching = files.watch(
        folder,
        (name) => {
          if (this.#concerns(folder, name)) this.#lookAfter(SETTLE_MS);
        },
        failed,
      );
      this.#folders.set(folder, watching);
    } catch (error) {
      failed(error);
    }
  }

  /** Kubernetes replaces all files of a folder at once, by a hidden link in it. */
  #concerns(folder: string, name: string | null): boolean {
    if (name === null || name.startsWith('..')) return true;
    return [...this.#expected.keys()].some((path) => dirname(path) === folder && basename(path) === name);
  }

  #lookAfter(delayMs: number): void {
    if (this.#regularly === null) return;
    this.#later ??= this.#options.clock.after(delayMs, () => {
      this.#later = null;
      if (this.#isLooking) this.#lookAfter(SETTLE_MS);
      else void this.#look();
    });
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    const expected = this.#expected;
    this.#isLooking = true;
    const present = await Promise.all([...expected.keys()].map((path) => this.#fingerprint(path)));
    this.#isLooking = false;
    // They were read again meanwhile.
    if (this.#regularly === null || expected !== this.#expected) return;
    const text = JSON.stringify(present);
    if (text === JSON.stringify([...expected.values()])) {
      this.#found = null;
      return;
    }
    const now = this.#options.clock.monotonic();
    if (this.#found?.text !== text) this.#found = { text, sinceMs: now };
    const isReplaced = [...expected.values()].some((known, at) => known !== present[at] && isNothing(present[at]));
    const leftMs = this.#found.sinceMs + (isReplaced ? REPLACED_MS : SETTLE_MS) - now;
    if (leftMs > 0) this.#lookAfter(SETTLE_MS);
    else this.#options.onChange();
  }

  async #fingerprint(path: string): Promise<Fingerprint> {
    try {
      return fingerprintOf(await this.#options.files.read(path));
    } catch {
      return ABSENT;
    }
  }
}

function isNothing(fingerprint: Fingerprint | undefined): boolean {
  return fingerprint === ABSENT || fingerprint === BLANK;
}

const NOTHING: Disposable = { [Symbol.dispose]: () => undefined };

/** The files of this process. */
export const systemFiles: WatchableFiles = {
  read: (path) => readFile(path, 'utf8'),
  watch(folder, changed, failed) {
    const watcher = watch(folder, { persistent: false }, (_event, name) => {
      changed(name);
    });
    watcher.on('error', failed);
    return {
      [Symbol.dispose]: () => {
        watcher.close();
      },
    };
  },
};
