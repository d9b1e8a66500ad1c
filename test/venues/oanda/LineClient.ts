import { Agent, get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { waitFor } from '../../support/waitFor.ts';
import type { StandInOanda } from './StandInOanda.ts';

export interface LineClientOptions {
  readonly instruments: string;
  /** @default the stand-in's first account */
  readonly accountId?: string;
  /** @default the account's */
  readonly token?: string;
  /** The rest of the query, for example `snapshot=false`. */
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The simplest possible reader of a price stream: it keeps every chunk, so that a test can check what a venue sent. */
export class LineClient implements Disposable {
  status = 0;
  headers: IncomingMessage['headers'] = {};
  readonly chunks: Buffer[] = [];
  /** How the stream ended: `end` for HTTP's proper end, otherwise the error's code; null while it is open. */
  ended: string | null = null;
  readonly #request: ReturnType<typeof get>;
  readonly #headersCame = Promise.withResolvers<void>();

  private constructor(url: string, headers: Readonly<Record<string, string>>) {
    const agent = new Agent({ keepAlive: false });
    this.#request = get(url, { headers, agent }, (response) => {
      this.#onResponse(response);
    });
    this.#request.on('error', (error: NodeJS.ErrnoException) => {
      this.ended ??= error.code ?? error.message;
      this.#headersCame.reject(error);
    });
  }

  /** Resolves with the headers, whatever the status. */
  static async open(standIn: StandInOanda, options: LineClientOptions): Promise<LineClient> {
    const client = LineClient.start(standIn, options);
    await client.#headersCame.promise;
    return client;
  }

  /** Sends the request, and waits for nothing. */
  static start(standIn: StandInOanda, options: LineClientOptions): LineClient {
    const account = standIn.accounts.find(({ id }) => id === options.accountId) ?? standIn.accounts[0];
    const accountId = options.accountId ?? account?.id ?? '';
    const query = `instruments=${encodeURIComponent(options.instruments)}${options.query === undefined ? '' : `&${options.query}`}`;
    const client = new LineClient(`${standIn.streamUrl}/v3/accounts/${accountId}/pricing/stream?${query}`, {
      authorization: `Bearer ${options.token ?? account?.token ?? ''}`,
      ...options.headers,
    });
    client.#headersCame.promise.catch(() => undefined);
    return client;
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }

  /** The complete lines without the blank ones. */
  get lines(): string[] {
    return this.text
      .split('\n')
      .slice(0, -1)
      .map((line) => line.trimEnd())
      .filter((line) => line !== '');
  }

  /** The complete lines that are prices. */
  get prices(): string[] {
    return this.lines.filter((line) => line.includes('"instrument"'));
  }

  async waitForLines(count: number, deadlineMs = 5000): Promise<readonly string[]> {
    await waitFor(() => this.lines.length >= count, `${count} lines`, deadlineMs);
    return this.lines;
  }

  async waitForPrices(count: number, deadlineMs = 5000): Promise<readonly string[]> {
    await waitFor(() => this.prices.length >= count, `${count} prices`, deadlineMs);
    return this.prices;
  }

  async waitForEnd(deadlineMs = 5000): Promise<string> {
    return waitFor(() => this.ended, 'the end of the stream', deadlineMs);
  }

  [Symbol.dispose](): void {
    this.#request.destroy();
  }

  #onResponse(response: IncomingMessage): void {
    this.status = response.statusCode ?? 0;
    this.headers = response.headers;
    response.on('data', (chunk: Buffer) => this.chunks.push(chunk));
    response.on('end', () => {
      this.ended ??= 'end';
    });
    response.on('error', (error: NodeJS.ErrnoException) => {
      this.ended ??= error.code ?? error.message;
    });
    this.#headersCame.resolve();
  }
}
