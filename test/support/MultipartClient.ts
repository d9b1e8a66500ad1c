import { once } from 'node:events';
import { request } from 'node:http';
import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { uncompressed } from './uncompressed.ts';
import { waitFor } from './waitFor.ts';

export const MULTIPART_ONLY = 'multipart/mixed;subscriptionSpec=1.0';

/** A client of subscriptions over HTTP multipart that can stop reading, and can go away without a word. */
export class MultipartClient implements AsyncDisposable {
  readonly response: IncomingMessage;
  readonly #request: ClientRequest;
  readonly #parts: string[] = [];
  readonly #delimiter: string;
  #rest = '';
  #begun = false;
  /** True once the last boundary has come. */
  complete = false;
  /** True once the server has ended the stream or the connection. */
  ended = false;

  private constructor(sent: ClientRequest, response: IncomingMessage) {
    this.#request = sent;
    this.response = response;
    const boundary = /;\s*boundary="?([^";]+)"?/.exec(response.headers['content-type'] ?? '')?.[1] ?? '-';
    this.#delimiter = `\r\n--${boundary}`;
    uncompressed(response).on('data', (text: string) => {
      this.#rest += text;
      this.#read();
    });
    response.on('error', () => {});
    response.on('close', () => (this.ended = true));
  }

  static async subscribe(url: string, query: string, headers: OutgoingHttpHeaders = {}): Promise<MultipartClient> {
    const sent = request(url, {
      method: 'POST',
      agent: false,
      headers: { 'content-type': 'application/json', accept: MULTIPART_ONLY, ...headers },
    });
    sent.on('error', () => {});
    sent.end(JSON.stringify({ query }));
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return new MultipartClient(sent, response);
  }

  /** What the parts say, without heartbeats. */
  get messages(): unknown[] {
    return this.#parts.filter((part) => part !== '{}').map((part) => JSON.parse(part) as unknown);
  }

  /** How often the server has shown that it is there. */
  get beats(): number {
    return this.#parts.filter((part) => part === '{}').length;
  }

  async count(wanted: number): Promise<unknown[]> {
    await waitFor(() => this.messages.length >= wanted, `${wanted} parts`);
    return this.messages;
  }

  leave(): void {
    this.#request.destroy();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.leave();
    return Promise.resolve();
  }

  #read(): void {
    for (let at = this.#rest.indexOf(this.#delimiter); at !== -1; at = this.#rest.indexOf(this.#delimiter)) {
      const part = this.#rest.slice(0, at);
      this.#rest = this.#rest.slice(at + this.#delimiter.length);
      if (this.#begun) this.#take(part);
      this.#begun = true;
    }
    if (this.#begun && this.#rest === '--\r\n') this.complete = true;
  }

  #take(part: string): void {
    const [head = '', body = ''] = part.split('\r\n\r\n');
    if (!/^\r\ncontent-type: application\/json/i.test(head)) throw new Error(`a part with a strange head: ${head}`);
    this.#parts.push(body);
  }
}
