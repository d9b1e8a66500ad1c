import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LINKED_PAGES, textOf } from '../../support/docPages.ts';
import { projectFolder } from '../../support/GatewayProcess.ts';

interface Link {
  readonly page: string;
  readonly target: string;
}

const links = LINKED_PAGES.flatMap((page): readonly Link[] => {
  const text = withoutCode(textOf(page));
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => ({ page, target }));
});

describe('links in the pages', () => {
  const relative = links.filter(({ target }) => !/^\w+:/.test(target));

  it('are found', () => {
    expect(relative.length).toBeGreaterThan(100);
  });

  it.each(relative)('$page leads to $target, which is there', ({ page, target }) => {
    const [path = '', anchor] = target.split('#');
    const file = path === '' ? page : normalize(join(dirname(page), path));
    expect(file.startsWith('..'), 'within the project').toBe(false);
    expect(existsSync(join(projectFolder, file)), file).toBe(true);
    if (anchor !== undefined) expect(anchorsOf(file)).toContain(anchor);
  });

  it('to other hosts are encrypted, and to no host of a package registry', () => {
    for (const { target } of links.filter((link) => /^\w+:/.test(link.target))) {
      expect(target).toMatch(/^https:\/\//);
      expect(target).not.toMatch(/registry|npmjs|pypi/);
    }
  });
});

describe('files that pages name', () => {
  const named = LINKED_PAGES.filter((page) => page !== 'CHANGELOG.md').flatMap((page) =>
    [...textOf(page).matchAll(/`((?:src|test|docs|deploy|bench|schema|bin|client|tools)\/[\w./-]*\w)\/?`/g)].map(
      ([, path = '']) => ({ page, path }),
    ),
  );

  it('are found', () => {
    expect(named.length).toBeGreaterThan(30);
  });

  it.each(named)('$page names $path, which is there', ({ path }) => {
    // Results are written by commands, and git ignores them.
    if (!path.startsWith('bench/results')) expect(existsSync(join(projectFolder, path))).toBe(true);
  });
});

describe('every page of docs/', () => {
  it.each(LINKED_PAGES.filter((page) => page.startsWith('docs/') && page !== 'docs/README.md'))(
    '%s is in the index, and in the README',
    (page) => {
      const name = page.slice('docs/'.length);
      expect(links).toContainEqual({ page: 'docs/README.md', target: name });
      expect(links.filter((link) => link.page === 'README.md').map(({ target }) => target)).toContain(page);
    },
  );
});

/** Anchors as GitHub makes them of headings. */
function anchorsOf(file: string): readonly string[] {
  const headings = [...withoutCode(textOf(file), false).matchAll(/^#+ (.*)$/gm)];
  return headings.map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(/\s/g, '-'),
  );
}

/** Neither blocks nor, if asked for, spans of code have links. */
function withoutCode(text: string, spansToo = true): string {
  const plain = text.replaceAll(/^ *```[^]*?^ *```$/gm, '');
  return spansToo ? plain.replaceAll(/`[^`\n]*`/g, '`code`') : plain;
}
