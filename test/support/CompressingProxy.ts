import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import { createGzip } from 'node:zlib';

/**
 * A proxy that compresses every answer that it may (RFC 9110, 7.7), and has what it compresses wait until there is
 * enough of it, as development servers for web pages do. Its starter disposes of it.
 */
export class CompressingProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly url: string;

  private constructor(server: Server) {
    this.#server = server;
    const address = server.address();
    this.url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  }

  static async before(gatewayUrl: string): Promise<CompressingProxy> {
    const server = createServer((incoming, outgoing) => {
      passOn(gatewayUrl, incoming, outgoing);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new CompressingProxy(server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }
}

function passOn(gatewayUrl: string, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const { method, url, headers } = incoming;
  const upstream = request(new URL(url ?? '/', gatewayUrl), { method, headers }, (answer) => {
    const { 'content-length': _length, ...rest } = answer.headers;
    // An answer that is compressed already stays as it is.
    const isPlain = rest['content-encoding'] === undefined;
    const mayTransform = isPlain && rest['cache-control']?.includes('no-transform') !== true;
    outgoing.writeHead(
      answer.statusCode ?? 500,
      mayTransform ? { ...rest, 'content-encoding': 'gzip' } : answer.headers,
    );
    outgoing.flushHeaders();
    if (mayTransform) pipeline(answer, createGzip(), outgoing, () => undefined);
    else pipeline(answer, outgoing, () => undefined);
  });
  upstream.on('error', () => outgoing.destroy());
  outgoing.on('close', () => upstream.destroy());
  incoming.pipe(upstream);
}
