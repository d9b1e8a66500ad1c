import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectFolder } from './GatewayProcess.ts';

/** A block of code in a page. */
export interface CodeBlock {
  /** Its page and line, as an editor understands them. */
  readonly place: string;
  readonly page: string;
  readonly language: string;
  readonly text: string;
  /** Why it is not checked (`<!-- unchecked: … -->` before it); null if it is. */
  readonly unchecked: string | null;
  /** True if it is a whole program that prints what comes (`<!-- runs -->` before it). */
  readonly runs: boolean;
}

/** The pages for users, whose code is checked. */
export const PAGES: readonly string[] = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(projectFolder, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** All pages whose links are checked. */
export const LINKED_PAGES: readonly string[] = [
  ...PAGES,
  'ARCHITECTURE.md',
  'CHANGELOG.md',
  'SECURITY.md',
  'bench/README.md',
];

/** The text of a file of the project. */
export function textOf(path: string): string {
  return readFileSync(join(projectFolder, path), 'utf8');
}

/** The blocks of all pages, in one language or in several. */
export function codeBlocks(...languages: readonly string[]): readonly CodeBlock[] {
  return PAGES.flatMap(blocksOf).filter(({ language }) => languages.includes(language));
}

/** Every block of a page. Those within lists are indented; their text is not. */
export function blocksOf(page: string): readonly CodeBlock[] {
  const all = textOf(page);
  const pattern = /(?:^ *<!-- ([^>]*) -->\n\n?)?^( *)```(\w*)\n([^]*?)^\2```$/gm;
  return [...all.matchAll(pattern)].map(([whole, comment = '', indent = '', language = '', text = ''], at) => {
    const [, reason = null] = /^unchecked: (.*)$/s.exec(comment) ?? [];
    const line = all.slice(0, all.indexOf(whole)).split('\n').length;
    return {
      place: `${page}:${line} (${at + 1})`,
      page,
      language,
      text: text.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
      unchecked: reason,
      runs: comment === 'runs',
    };
  });
}
