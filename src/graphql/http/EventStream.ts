import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { ExecutionResult } from 'graphql';
import type { Services } from '../../core/Services.ts';
import type { ByteBudget } from '../../fanout/client/PendingEvents.ts';
import type { DeliveryMeter } from '../../fanout/client/DeliveryMeter.ts';
import { COMPLETE_EVENT, nextEvent } from '../../fanout/frames/framing.ts';
import { Outbox } from '../../fanout/client/Outbox.ts';
import type { OutboxSocket } from '../../fanout/client/Outbox.ts';
import type { GatewayError } from '../../shared/errors.ts';
import { logFault } from '../../shared/logFault.ts';
import type { ClientErrors } from '../ClientErrors.ts';
import { MarketDataSource } from '../MarketDataSource.ts';
import type { SharedShapes } from '../shapes/SharedShapes.ts';
import type { StreamOutcome } from '../executeOperation.ts';

export interface EventStreamOptions {
  readonly response: ServerResponse;
  readonly headers: Readonly<Record<string, string>>;
  readonly services: Services;
  readonly shapes: SharedShapes;
  readonly errors: ClientErrors;
  readonly meter: DeliveryMeter;
  readonly budget: ByteBudget;
  readonly heartbeatMs: number;
}

/** Some browsers do not tell a page that it is connected before the first byte, and proxies end what is silent. */
const COMMENT = ':\n\n';
const GOING_AWAY = 1001;

/**
 * A subscription's results as server-sent events: `next` for each, `complete` at the end. After the headers everything goes
 * past the response to its connection, whose end is the end of the stream, so that market data is written in bytes that many
 * clients share. However the stream ends, its results are ended.
 */
export class EventStream {
  readonly #options: EventStreamOptions;
  readonly #socket: Socket;
  readonly #outbox: Outbox;
  /** Ended with the connection. */
  readonly #owned = new DisposableStack();
  readonly #closed = Promise.withResolvers<void>();
  #subscription: Disposable | null = null;

  constructor(options: EventStreamOptions) {
    this.#options = options;
    const { budget, headers, heartbeatMs, meter, response, services } = options;
    const { clock, metrics, scheduler } = services;
    response.on('close', () => {
      this.#end();
    });
    response.useChunkedEncodingByDefault = false;
    response.writeHead(200, headers).flushHeaders();
    this.#socket = response.req.socket;
    this.#outbox = new Outbox({
      socket: asOutboxSocket(this.#socket),
      stream: this.#socket,
      framing: 'event-stream',
      scheduler,
      compressFromBytes: null,
      budget,
      clock,
      meter,
      metrics,
      protocol: 'graphql-sse',
      finalMessage: (error) => this.#finalMessage(error),
    });
    this.#owned.use(this.#outbox);
    const beat = clock.every(heartbeatMs, () => {
      // A client that does not read is cut off by the server, which would take this for a sign of life.
      if (this.#socket.writableLength === 0) this.#socket.write(COMMENT);
    });
    this.#owned.use(beat);
    if (response.destroyed) this.#end();
  }

  /** Writes until the results or the client come to an end; resolves when the connection is gone. Never rejects. */
  async run(results: StreamOutcome): Promise<void> {
    try {
      void this.#outbox.send(COMMENT);
      if (this.#owned.disposed) return;
      if (results instanceof MarketDataSource) this.#push(results);
      else await this.#pull(results[Symbol.asyncIterator]());
    } catch (error) {
      await this.#fail(error);
    }
    await this.#closed.promise;
  }

  /** At once and without `complete`: when the gateway goes, the client is to know that it may come again. */
  close(): void {
    this.#outbox.close(GOING_AWAY, '');
  }

  #push(source: MarketDataSource): void {
    const { shapes } = this.#options;
    this.#subscription = source.pushTo({
      shapes,
      outbox: this.#outbox,
      id: null,
      onError: (error) => {
        void this.#fail(error);
      },
    });
    // What it began with may have been too much for the client.
    if (this.#owned.disposed) this.#unsubscribe();
  }

  async #pull(results: AsyncIterator<ExecutionResult>): Promise<void> {
    this.#owned.defer(() => {
      // It settles by itself, and there is nobody to tell.
      results.return?.().then(undefined, () => {});
    });
    const { errors } = this.#options;
    for (let next = await results.next(); next.done !== true; next = await results.next()) {
      await this.#outbox.send(nextEvent(JSON.stringify(errors.formatResult(next.value))));
    }
    await this.#complete('');
  }

  async #fail(error: unknown): Promise<void> {
    this.#unsubscribe();
    const { errors } = this.#options;
    await this.#complete(nextEvent(JSON.stringify({ errors: errors.format([errors.tell(error)]) })));
  }

  async #complete(last: string): Promise<void> {
    await this.#outbox.send(last + COMPLETE_EVENT);
    this.#socket.destroySoon();
  }

  /** The client is given up. */
  #finalMessage(error: GatewayError): string {
    this.#unsubscribe();
    const { message } = error;
    logFault(this.#options.services.logger, error, 'a client could not be told its market data');
    return nextEvent(JSON.stringify({ errors: [{ message, extensions: error.toExtensions() }] })) + COMPLETE_EVENT;
  }

  #unsubscribe(): void {
    this.#subscription?.[Symbol.dispose]();
    this.#subscription = null;
  }

  #end(): void {
    this.#unsubscribe();
    this.#owned.dispose();
    this.#closed.resolve();
  }
}

const OPEN = 1;
const CLOSED = 3;

/** The connection of a response that nobody else writes to any more. */
function asOutboxSocket(socket: Socket): OutboxSocket {
  return {
    get readyState() {
      return socket.writable ? OPEN : CLOSED;
    },
    send: (text: string) => {
      socket.write(text);
    },
    close: () => {
      socket.destroySoon();
    },
    terminate: () => {
      socket.destroy();
    },
  };
}
