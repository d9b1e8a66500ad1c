import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import type { JWK } from 'jose';

type Answer =
  { readonly kind: 'keys' } | { readonly kind: 'status'; readonly status: number } | { readonly kind: 'none' };

/** Serves a key set over HTTP on loopback, counts the requests, and can be made to fail. */
export class KeyServer implements AsyncDisposable {
  readonly #server: Server;
  keys: readonly JWK[] = [];
  answer: Answer = { kind: 'keys' };
  fetches = 0;
  /** Written before the keys. */
  prefix = '';

  private constructor() {
    this.#server = createServer((_request, response) => {
      this.fetches += 1;
      this.#reply(response);
    });
  }

  static async start(...keys: readonly JWK[]): Promise<KeyServer> {
    const server = new KeyServer();
    server.keys = keys;
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get url(): string {
    const address = this.#server.address();
    if (typeof address !== 'object' || address === null) throw new Error('it does not listen');
    return `http://127.0.0.1:${address.port}/jwks.json`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  #reply(response: ServerResponse): void {
    const { answer } = this;
    if (answer.kind === 'none') return;
    response.statusCode = answer.kind === 'status' ? answer.status : 200;
    if (response.statusCode === 302) response.setHeader('location', this.url);
    response.end(this.prefix + JSON.stringify({ keys: this.keys }));
  }
}
