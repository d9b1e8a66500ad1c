import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CloseCode } from 'graphql-ws';
import { describe, expect, it } from 'vitest';
import { EXIT_CODES, SIGNAL_EXIT_CODES } from '../../../src/cli/process.ts';
import {
  GOING_AWAY,
  POLICY_VIOLATION,
  TRY_AGAIN_LATER,
  UNSUPPORTED_DATA,
} from '../../../src/fanout/client/closeReason.ts';
import { ERROR_CODES } from '../../../src/shared/errors.ts';
import { logMessages } from '../../support/logMessages.ts';

const page = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8');
const folder = fileURLToPath(new URL('../../../src/', import.meta.url));
const source = globSync('**/*.ts', { cwd: folder })
  .map((name) => readFileSync(`${folder}${name}`, 'utf8'))
  .join('\n');

/** The cells of the table below this heading, without the row of names. */
function rowsOf(heading: string): readonly (readonly string[])[] {
  const [, part = ''] = page.split(`\n## ${heading}\n`);
  const lines = part.split('\n## ')[0]?.split('\n') ?? [];
  return lines
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .split('|')
        .map((cell) => cell.trim().replaceAll('`', ''))
        .slice(1, -1),
    );
}

const firstOf = (heading: string): readonly string[] => rowsOf(heading).map(([first = '']) => first);

/** Codes that the source names as members of graphql-ws' list. */
function usedCloseCodes(): readonly number[] {
  const names = [...source.matchAll(/\bCloseCode\.(\w+)/g)].map(([, name = '']) => name);
  return Object.entries(CloseCode).flatMap(([name, code]) =>
    names.includes(name) && typeof code === 'number' ? [code] : [],
  );
}

describe('the index of what can go wrong', () => {
  it('has every error code, says whether a request may succeed later, and no other', () => {
    const described = rowsOf('Error codes').map(([code, retryable]) => [code, retryable === 'yes']);
    const codes = Object.entries(ERROR_CODES).map(([code, { retryable }]) => [code, retryable]);
    expect(described).toEqual(codes);
  });

  it('has every code that a connection is closed with, and the one that a broken one has', () => {
    const codes = [GOING_AWAY, UNSUPPORTED_DATA, POLICY_VIOLATION, TRY_AGAIN_LATER, ...usedCloseCodes(), 1006];
    expect(firstOf('Close codes').map(Number)).toEqual(expect.arrayContaining([...new Set(codes)]));
    expect(firstOf('Close codes')).toHaveLength(new Set(codes).size);
  });

  it('has every HTTP status of a refusal, and no other', () => {
    const inCode = [...source.matchAll(/\b(?:status|httpStatus|statusCode): ([45]\d\d)\b/g)].map(([, status]) =>
      Number(status),
    );
    const described = firstOf('HTTP statuses').map(Number);
    expect(described).toEqual(expect.arrayContaining([...new Set(inCode)]));
    expect(described.filter((status) => !new RegExp(String.raw`\b${status}\b`).test(source))).toEqual([]);
  });

  it('has every line that an operator can find in the log, once, and no line that does not exist', () => {
    const inCode = [...logMessages()];
    expect(inCode.length).toBeGreaterThan(60);
    const described = firstOf('Log lines');
    expect(inCode.filter((message) => !described.includes(message))).toEqual([]);
    expect(described.filter((message) => !inCode.includes(message))).toEqual([]);
    expect(new Set(described).size).toBe(described.length);
  });

  it('has no reason that the gateway never gives', () => {
    const reasons = firstOf('Reasons');
    expect(reasons.length).toBeGreaterThan(30);
    const isGiven = (reason: string): boolean =>
      new RegExp(
        reason
          .split('…')
          .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`))
          .join(String.raw`\$\{[^\`]*?\}`),
      ).test(source);
    expect(reasons.filter((reason) => !isGiven(reason))).toEqual([]);
  });

  it('has every exit code', () => {
    const codes = [...Object.values(EXIT_CODES), ...Object.values(SIGNAL_EXIT_CODES)];
    expect(firstOf('Exit codes').map(Number)).toEqual(codes);
  });

  it('leads to headings that exist', () => {
    const headings = [...page.matchAll(/^## (.+)$/gm)].map(([, text = '']) => text.toLowerCase().replaceAll(' ', '-'));
    const links = [...page.matchAll(/\]\(#([\w-]+)\)/g)].map(([, target = '']) => target);
    expect(links.filter((target) => !headings.includes(target))).toEqual([]);
  });
});
