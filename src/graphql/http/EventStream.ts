import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { ExecutionResult } from 'graphql';
import type { Services } from '../../core/Services.ts';
import type { ByteBudget } from '../../fanout/client/PendingEvents.ts';
import type { DeliveryMeter } from '../../shared/metrics.ts';
import type { StreamFraming } from '../../fanout/frames/streamFraming.ts';
import { GOING_AWAY } from '../../fanout/client/closeReason.ts';
import { Outbox } from '../../fanout/client/Outbox.ts';
import type { EventWriter, OutboxSocket } from '../../fanout/client/outboxOptions.ts';
import { EVENT_STREAM } from '../../fanout/frames/streamFraming.ts';
import type { GatewayError } from '../../shared/errors.ts';
import { logFault } from '../../shared/logger.ts';
import type { ClientErrors } from '../ClientErrors.ts';
import { MarketDataSource } from '../MarketDataSource.ts';
import type { SharedShapes } from '../shapes/SharedShapes.ts';
import type { StreamOutcome } from '../executeOperation.ts';
import { EventIds } from './EventIds.ts';
import type { Cursor } from '../../market/cursor.ts';

export interface EventStreamOptions {
  readonly response: ServerResponse;
  readonly headers: Readonly<Record<string, string>>;
  /** Server-sent events, or multipart. */
  readonly framing: StreamFraming;
  readonly services: Services;
  readonly shapes: SharedShapes;
  readonly errors: ClientErrors;
  readonly meter: DeliveryMeter;
  readonly budget: ByteBudget;
  readonly heartbeatMs: number;
  /** The cursors that the client goes on from. */
  readonly resumed: readonly Cursor[];
}

/**
 * The results of a subscription in the answer to an HTTP request, as server-sent events or multipart. After the headers
 * everything is written to the connection directly, and the stream ends with the connection, so that market data can be
 * written in bytes that many clients share. However the stream ends, its source is closed.
 */
export class EventStream {
  readonly #options: EventStreamOptions;
  readonly #socket: Socket;
  readonly #outbox: Outbox;
  /** Disposed of when the connection ends. */
  readonly #owned = new DisposableStack();
  readonly #closed = Promise.withResolvers<void>();
  #subscription: Disposable | null = null;

  constructor(options: EventStreamOptions) {
    this.#options = options;
    const { budget, framing, headers, heartbeatMs, meter, response, services } = options;
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
      writer: options.framing === EVENT_STREAM ? new EventIds(options.resumed) : joining(framing),
      scheduler,
      compressFromBytes: null,
      budget,
      clock,
      meter,
      metrics,
      protocol: meter.protocol,
      finalMessage: (error) => this.#finalMessage(error),
    });
    this.#owned.use(this.#outbox);
    const beat = clock.every(heartbeatMs, () => {
      // The server cuts off a client that does not read, and would take this for progress.
      if (this.#socket.writableLength === 0) this.#socket.write(framing.heartbeat);
    });
    this.#owned.use(beat);
    if (response.destroyed) this.#end();
  }

  /** Writes until the results or the client end; resolves when the connection is closed. Never rejects. */
  async run(results: StreamOutcome): Promise<void> {
    try {
      void this.#outbox.send(this.#options.framing.start);
      if (this.#owned.disposed) return;
      if (results instanceof MarketDataSource) this.#push(results);
      else await this.#pull(results[Symbol.asyncIterator]());
    } catch (error) {
      await this.#fail(error);
    }
    await this.#closed.promise;
  }

  /** Resolves when the connection is closed. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Ends the stream once the client got what waits for it. Its last event is the reason, from which the client knows whether it may subscribe again. */
  close(error: GatewayError): void {
    this.#outbox.finish(GOING_AWAY, '', this.#lastEvents(error));
    this.#unsubscribe();
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
    // The first events may already have been too much for the client.
    if (this.#owned.disposed) this.#unsubscribe();
  }

  async #pull(results: AsyncIterator<ExecutionResult>): Promise<void> {
    this.#owned.defer(() => {
      // The result settles by itself and interests nobody.
      results.return?.().then(undefined, () => {});
    });
    const { errors, framing } = this.#options;
    for (let next = await results.next(); next.done !== true; next = await results.next()) {
      await this.#outbox.send(framing.result(JSON.stringify(errors.formatResult(next.value))));
    }
    await this.#complete('');
  }

  async #fail(error: unknown): Promise<void> {
    this.#unsubscribe();
    const { errors, framing } = this.#options;
    await this.#complete(framing.failure(JSON.stringify(errors.format([errors.translate(error)]))));
  }

  async #complete(last: string): Promise<void> {
    await this.#outbox.send(last + this.#options.framing.end);
    this.#socket.destroySoon();
  }

  /** Called when the outbox gives the client up. */
  #finalMessage(error: GatewayError): string {
    this.#unsubscribe();
    logFault(this.#options.services.logger, error, 'a client could not be sent its market data');
    return this.#lastEvents(error);
  }

  /** An error and the end of the stream. */
  #lastEvents(error: GatewayError): string {
    const { framing } = this.#options;
    const { message } = error;
    return framing.failure(JSON.stringify([{ message, extensions: error.toExtensions() }])) + framing.end;
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

/** The most that multipart adds to a result. */
const PART_BYTES = 128;

/** Writes the bytes that all clients share. */
function joining(framing: StreamFraming): EventWriter {
  return { extraBytes: PART_BYTES, write: (frames) => frames.streamed(framing) };
}

const OPEN = 1;
const CLOSED = 3;

/** Presents the connection of a response as the outbox's socket. Nobody else writes to it any more. */
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
