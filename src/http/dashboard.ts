import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { extname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Logger } from '../shared/logger.ts';
import { indexPage } from './endpoints.ts';
import { readOnly } from './respond.ts';
import type { RequestHandler } from './respond.ts';

/** The page; its name is the address of the folder. */
const PAGE = 'index.html';
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};
/** Nothing but files and sockets of this server, and no script or style within the page. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** A file in all the forms in which it is sent. */
interface PreparedFile {
  readonly type: string;
  readonly etag: string;
  readonly plain: Buffer;
  readonly gzip: Buffer;
  readonly brotli: Buffer;
}

/**
 * The folder of the built dashboard; null if it was not built. It is the same folder for the sources and for what they are compiled
 * to, which is beside it.
 */
export function findDashboard(): string | null {
  const folders = ['../../dist/web/', '../../web/'].map((path) => fileURLToPath(new URL(path, import.meta.url)));
  // The sources of the page have no compressed files.
  return folders.find((folder) => existsSync(join(folder, `${PAGE}.br`))) ?? null;
}

/** Without the built files of the dashboard `/` is a page with links. */
export function dashboardPages(logger: Logger): ReadonlyMap<string, RequestHandler> {
  const folder = findDashboard();
  try {
    if (folder !== null) return dashboardHandlers(folder);
  } catch (error) {
    logger.warn({ err: error, folder }, 'the dashboard could not be read');
  }
  return new Map([['/', indexPage]]);
}

/**
 * Handlers for the dashboard's files, by path. They are read once, so no path of a request is ever looked up in the file system.
 */
export function dashboardHandlers(folder: string): ReadonlyMap<string, RequestHandler> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => extname(name) in TYPES);
  return new Map(
    names.map((name) => {
      const path = name.replaceAll(sep, '/');
      return [`/${path === PAGE ? '' : path}`, handlerOf(prepare(folder, name), path === PAGE)];
    }),
  );
}

function prepare(folder: string, name: string): PreparedFile {
  const file = join(folder, name);
  const plain = readFileSync(file);
  const digest = createHash('sha256').update(plain).digest('base64url');
  return {
    type: TYPES[extname(name)] ?? 'application/octet-stream',
    etag: `"${digest.slice(0, 22)}"`,
    plain,
    gzip: readFileSync(`${file}.gz`),
    brotli: readFileSync(`${file}.br`),
  };
}

function handlerOf(file: PreparedFile, isPage: boolean): RequestHandler {
  // The names of all other files change with what is in them.
  const caching = isPage ? 'no-cache' : 'public, max-age=31536000, immutable';
  return readOnly((request, response) => {
    response.setHeader('etag', file.etag);
    response.setHeader('cache-control', caching);
    response.setHeader('vary', 'Accept-Encoding');
    if (request.headers['if-none-match']?.includes(file.etag) === true) {
      response.writeHead(304).end();
      return;
    }
    const { encoding, body } = formFor(request, file);
    if (encoding !== null) response.setHeader('content-encoding', encoding);
    if (isPage) response.setHeader('content-security-policy', POLICY);
    response.writeHead(200, {
      'content-type': file.type,
      'content-length': body.length,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
    });
    response.end(body);
  });
}

function formFor(
  request: IncomingMessage,
  { plain, gzip, brotli }: PreparedFile,
): { readonly encoding: string | null; readonly body: Buffer } {
  const accepted = request.headers['accept-encoding'] ?? '';
  if (accepts(accepted, 'br')) return { encoding: 'br', body: brotli };
  if (accepts(accepted, 'gzip')) return { encoding: 'gzip', body: gzip };
  return { encoding: null, body: plain };
}

/** Whether a form is named, and not with the weight zero. */
function accepts(header: string, name: string): boolean {
  return header
    .split(',')
    .map((entry) =>
      entry
        .trim()
        .toLowerCase()
        .split(/\s*;\s*/),
    )
    .some(([coding, weight]) => coding === name && !/^q=0(?:\.0*)?$/.test(weight ?? ''));
}
