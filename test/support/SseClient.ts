import { once } from 'node:events';
import { request } from 'node:http';
import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { uncompressed } from './uncompressed.ts';
import { waitFor } from './waitFor.ts';

export interface SseEvent {
  readonly event: string;
  readonly data: string;
  /** Left out if the event has none. */
  readonly id?: string;
}

/** A client of server-sent events that can stop reading, and can disconnect without notice. */
export class SseClient implements AsyncDisposable {
  readonly response: IncomingMessage;
  readonly #request: ClientRequest;
  /** The part that has arrived of an unfinished block. */
  #rest = '';
  readonly #events: SseEvent[] = [];
  #beats = 0;
  /** True once the server has ended the stream or the connection. */
  ended = false;

  private constructor(sent: ClientRequest, response: IncomingMessage) {
    this.#request = sent;
    this.response = response;
    uncompressed(response).on('data', (text: string) => {
      const [rest = '', ...blocks] = `${this.#rest}${text}`.split('\n\n').toReversed();
      this.#rest = rest;
      for (const block of blocks.toReversed()) this.#read(block);
    });
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

  /** The events in order of arrival. */
  get events(): readonly SseEvent[] {
    return this.#events;
  }

  /** Counts the heartbeats of the server. */
  get beats(): number {
    return this.#beats;
  }

  async count(wanted: number): Promise<readonly SseEvent[]> {
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

  #read(block: string): void {
    if (block === ':') this.#beats += 1;
    if (!block.startsWith('event: ')) return;
    const [event = '', data = '', last] = block.split('\n');
    const id = last?.startsWith('id: ') === true ? { id: last.slice('id: '.length) } : {};
    this.#events.push({ event: event.slice('event: '.length), data: data.slice('data:'.length).trim(), ...id });
  }
}
