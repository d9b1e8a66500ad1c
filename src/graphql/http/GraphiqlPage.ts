import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { extname } from 'node:path';
import { Readable } from 'node:stream';
import { Worker } from 'node:worker_threads';
import { createGunzip } from 'node:zlib';

/** GraphiQL as one compressed file. */
export interface PreparedPage {
  readonly etag: string;
  /** The hash of its one script, for the content security policy. */
  readonly scriptHash: string;
  readonly gzip: Uint8Array;
  readonly brotli: Uint8Array;
}

/**
 * GraphiQL for browsers, without any file from another host. It is made when the first browser asks, in a thread of its
 * own, and kept compressed. A browser that has the page revalidates it.
 */
export class GraphiqlPage {
  #page: Promise<PreparedPage> | null = null;

  /** True for a browser that was navigated here, and false for a program. */
  isAskedFor({ method, headers }: IncomingMessage): boolean {
    return method === 'GET' && headers.accept?.includes('text/html') === true;
  }

  async send(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const page = await this.#prepared();
    response.setHeader('etag', page.etag);
    response.setHeader('cache-control', 'no-cache');
    response.setHeader('vary', 'Accept, Accept-Encoding, Origin');
    if (request.headers['if-none-match']?.includes(page.etag) === true) {
      response.writeHead(304).end();
      return;
    }
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.setHeader('content-security-policy', policy(page));
    response.setHeader('referrer-policy', 'no-referrer');
    await sendEncoded(page, request, response);
  }

  #prepared(): Promise<PreparedPage> {
    if (this.#page === null) {
      this.#page = prepare();
      // The next request tries again.
      this.#page.catch(() => {
        this.#page = null;
      });
    }
    return this.#page;
  }
}

async function prepare(): Promise<PreparedPage> {
  // The file beside this one, whether both have been compiled or not.
  const worker = new Worker(new URL(`graphiqlWorker${extname(import.meta.url)}`, import.meta.url));
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one message that our own worker sends
    const [page] = (await once(worker, 'message')) as [PreparedPage];
    return page;
  } finally {
    await worker.terminate();
  }
}

async function sendEncoded(page: PreparedPage, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const accepted = request.headers['accept-encoding'] ?? '';
  if (/\bbr\b/.test(accepted)) {
    response.writeHead(200, { 'content-encoding': 'br', 'content-length': page.brotli.length }).end(page.brotli);
  } else if (/\bgzip\b/.test(accepted)) {
    response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': page.gzip.length }).end(page.gzip);
  } else {
    response.writeHead(200);
    // A client that disconnects ends the pipeline with an error, which is no fault.
    await pipeline(Readable.from([page.gzip]), createGunzip(), response).catch(() => {});
  }
}

/** Allows the page's own script and its workers and styles, and nothing from another host. */
function policy({ scriptHash }: PreparedPage): string {
  return [
    "default-src 'none'",
    `script-src '${scriptHash}'`,
    'worker-src blob:',
    "style-src 'unsafe-inline'",
    'img-src data:',
    'font-src data:',
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}
