import { createServer } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http';
import { once } from 'node:events';

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text and bytes are sent as they are, anything else as JSON. */
  readonly body?: unknown;
}

type Script = (request: IncomingMessage, response: ServerResponse) => Answer | null | Promise<Answer | null>;

/** A real HTTP server on loopback that does what the test says; null: the script answered, or chose not to. */
export class ScriptedServer implements AsyncDisposable {
  /** Paths with their queries, in the order of arrival. */
  readonly requests: string[] = [];
  readonly headers: IncomingHttpHeaders[] = [];
  connections = 0;
  openConnections = 0;
  readonly #server: Server;
  script: Script;

  private constructor(script: Script) {
    this.script = script;
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.on('connection', (socket) => {
      this.connections += 1;
      this.openConnections += 1;
      socket.on('error', () => {});
      socket.on('close', () => (this.openConnections -= 1));
    });
  }

  static async start(script: Script): Promise<ScriptedServer> {
    const server = new ScriptedServer(script);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the server does not listen');
    return `http://127.0.0.1:${address.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests.push(request.url ?? '');
    this.headers.push(request.headers);
    const answer = await this.script(request, response);
    if (answer === null) return;
    const { status = 200, headers = {}, body = {} } = answer;
    const raw = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    response.writeHead(status, { 'content-type': 'application/json;charset=UTF-8', ...headers });
    response.end(raw);
  }
}
