import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

export interface Violation {
  readonly client: string;
  readonly text: string;
  /** The client's wish, and the last that happened to it. */
  readonly details: readonly string[];
}

export interface ViolationsOptions {
  readonly seed: number;
  readonly folder: string;
  readonly print: (line: string) => void;
  /** The faults until now, oldest first. */
  readonly history: () => readonly string[];
}

/** So many are told in full. */
const IN_FULL = 10;
const FAULTS = 25;
/** The rest is in the file. */
const PRINTED = 16;
const WIDTH = 400;

/** Prints everything that the oracle has found to be wrong, and writes it to a file. */
export class Violations {
  readonly #options: ViolationsOptions;
  readonly file: string;
  readonly all: Violation[] = [];
  /** By what it is about, without names and numbers. */
  readonly kinds = new Map<string, number>();

  constructor(options: ViolationsOptions) {
    this.#options = options;
    this.file = join(options.folder, `soak-${options.seed}.txt`);
  }

  add(violation: Violation): void {
    const { client, text, details } = violation;
    const kind = text.replaceAll(/[\d.:T-]*\d[\d.:TZ-]*/g, '#').slice(0, 60);
    const count = (this.kinds.get(kind) ?? 0) + 1;
    this.kinds.set(kind, count);
    this.all.push(violation);
    const faults = this.#options.history().slice(-FAULTS);
    const lines = [`VIOLATION ${this.all.length} at ${new Date().toISOString()}: ${client}: ${text}`];
    const full = [...lines, 'faults until now:', ...faults.map(indented), 'the client:', ...details.map(indented), ''];
    mkdirSync(this.#options.folder, { recursive: true });
    appendFileSync(this.file, `${full.join('\n')}\n`);
    if (this.all.length <= IN_FULL && count <= 2)
      for (const line of [...lines, ...full.slice(1).slice(-PRINTED)]) this.#options.print(line.slice(0, WIDTH));
    else if (count <= 3) for (const line of lines) this.#options.print(line.slice(0, WIDTH));
  }
}

function indented(line: string): string {
  return `  ${line}`;
}
