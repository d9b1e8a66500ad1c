import { Agent, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';

const QUERY = 'subscription { marketData(broker: "mock-binance", symbols: ["S0"]) { sequence } }';

/** A client that only listens to ticks, and notes for how long it received none. */
export class Neighbour {
  readonly protocol: string;
  #longestMs = 0;
  #lastAt = performance.now();
  #received = 0;
  readonly #leave: () => void;

  private constructor(protocol: string, open: (received: () => void) => () => void) {
    this.protocol = protocol;
    this.#leave = open(() => {
      this.#note();
      this.#received += 1;
    });
  }

  static overGraphql(http: string): Neighbour {
    return new Neighbour('graphql-ws', (received) => {
      const socket = new WebSocket(`${http.replace(/^http/, 'ws')}/graphql`, 'graphql-transport-ws');
      socket.on('error', () => undefined);
      socket.on('open', () => {
        socket.send('{"type":"connection_init"}');
      });
      socket.on('message', (data: Buffer) => {
        const { type } = JSON.parse(data.toString()) as { type: string };
        if (type === 'connection_ack')
          socket.send(JSON.stringify({ id: 'n', type: 'subscribe', payload: { query: QUERY } }));
        if (type === 'next') received();
      });
      return () => {
        socket.terminate();
      };
    });
  }

  static overRaw(http: string): Neighbour {
    return new Neighbour('raw', (received) => {
      const socket = new WebSocket(`${http.replace(/^http/, 'ws')}/ws`);
      socket.on('error', () => undefined);
      socket.on('open', () => {
        socket.send('{"action":"subscribe","broker":"mock-binance","symbols":["S0"]}');
      });
      socket.on('message', (data: Buffer) => {
        if ((JSON.parse(data.toString()) as { type: string }).type === 'data') received();
      });
      return () => {
        socket.terminate();
      };
    });
  }

  static overEvents(http: string): Neighbour {
    return new Neighbour('graphql-sse', (received) => {
      const headers = { 'content-type': 'application/json', accept: 'text/event-stream' };
      let response: IncomingMessage | null = null;
      const sent = request(`${http}/graphql`, { method: 'POST', headers, agent: new Agent() }, (answer) => {
        response = answer;
        answer.on('error', () => undefined);
        answer.on('data', (data: Buffer) => {
          if (data.includes('event: next')) received();
        });
      });
      sent.on('error', () => undefined);
      sent.end(JSON.stringify({ query: QUERY }));
      return () => {
        response?.destroy();
      };
    });
  }

  get received(): number {
    return this.#received;
  }

  /** Returns the longest silence since the last call in milliseconds, including one that still lasts. */
  takeLongestMs(): number {
    this.#note();
    const longestMs = this.#longestMs;
    this.#longestMs = 0;
    return longestMs;
  }

  leave(): void {
    this.#leave();
  }

  #note(): void {
    const now = performance.now();
    this.#longestMs = Math.max(this.#longestMs, now - this.#lastAt);
    this.#lastAt = now;
  }
}
