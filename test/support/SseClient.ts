import { once } from 'node:events';
import { request } from 'node:http';
import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { waitFor } from './waitFor.ts';

export interface SseEvent {
  readonly event: string;
  readonly data: string;
}

/** A client of server-sent events that can stop reading, and can go away without a word. */
export class SseClient implements AsyncDisposable {
  readonly response: IncomingMessage;
  readonly #request: ClientRequest;
  #text = '';
  /** True once the server has ended the stream or the connection. */
  ended = false;

  private constructor(sent: ClientRequest, response: IncomingMessage) {
    this.#request = sent;
    this.response = response;
    response.setEncoding('utf8');
    response.on('data', (text: string) => (this.#text += text));
    response.on('error', () => {});
    response.on('close', () => (this.ended = true));
  }

  static async subscribe(url: string, query: string, headers: OutgoingHttpHeaders = {}): Promise<SseClient> {
    const sent = request(url, {
      method: 'POST',
      agent: false,
      headers: { 'content-type': 'application/json', accept: 'text/event-stream', ...headers },
    });
    sent.on('error', () => {});
    sent.end(JSON.stringify({ query }));
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return new SseClient(sent, response);
  }

  get events(): SseEvent[] {
    return this.#text
      .split('\n\n')
      .slice(0, -1)
      .filter((block) => block.startsWith('event: '))
      .map((block) => {
        const [event = '', data = ''] = block.split('\n');
        return { event: event.slice('event: '.length), data: data.slice('data:'.length).trim() };
      });
  }

  /** How often the server has shown that it is there. */
  get beats(): number {
    return this.#text.split('\n\n').filter((block) => block === ':').length;
  }

  async count(wanted: number): Promise<SseEvent[]> {
    await waitFor(() => this.events.length >= wanted, `${wanted} events`);
    return this.events;
  }

  leave(): void {
    this.#request.destroy();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.leave();
    return Promise.resolve();
  }
}
