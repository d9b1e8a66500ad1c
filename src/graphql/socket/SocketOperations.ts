import type { ExecutionResult, GraphQLError } from 'graphql';
import { MessageType } from 'graphql-ws';
import type { SubscribeMessage } from 'graphql-ws';
import { isAsyncIterable } from 'graphql-yoga';
import type { ConnectedClient } from '../../core/ConnectedClient.ts';
import type { Services } from '../../core/Services.ts';
import type { Outbox } from '../../fanout/client/Outbox.ts';
import type { ByteBudget } from '../../fanout/client/PendingEvents.ts';
import type { ClientErrors } from '../ClientErrors.ts';
import { MarketDataSource } from '../MarketDataSource.ts';
import type { ExecuteOperation } from '../executeOperation.ts';
import type { SharedShapes } from '../shapes/SharedShapes.ts';
import { stringifyInSlices } from '../slices.ts';
import { FairPool } from '../../shared/FairPool.ts';
import { GatewayError } from '../../shared/errors.ts';

export interface SocketOperationsOptions {
  readonly services: Services;
  readonly client: ConnectedClient;
  readonly execute: ExecuteOperation;
  readonly errors: ClientErrors;
  readonly shapes: SharedShapes;
  readonly writer: SocketWriter;
  /** The connection's budget. */
  readonly budget: ByteBudget;
}

/** One `subscribe` of a client. Compared by identity, because the client may use its id again when it is over. */
interface Operation {
  readonly id: string;
  /** Aborted at its end: nothing is sent for it any more. */
  readonly abort: AbortController;
  /** Its shares of what is bounded, released at its end. */
  readonly taken: DisposableStack;
  /** Ends the subscription or stream of the operation. Null if it has none. */
  stop: (() => void) | null;
}

/** The number of a connection's queries and mutations that are executed at the same time; the others wait. */
const QUERIES_AT_ONCE = 4;

/**
 * The operations of one admitted client, each from `subscribe` to its end. The next result of a stream is taken, and a
 * query executed, only when the socket has room. When disposed of, all operations end and nothing more is written.
 */
export class SocketOperations implements Disposable {
  readonly #options: SocketOperationsOptions;
  readonly #operations = new Map<string, Operation>();
  readonly #queries = new FairPool({
    capacity: QUERIES_AT_ONCE,
    perOwner: QUERIES_AT_ONCE,
    perAsker: QUERIES_AT_ONCE,
    free: 0,
  });
  /** Includes operations that the client has completed but that are still being prepared. */
  #running = 0;

  constructor(options: SocketOperationsOptions) {
    this.#options = options;
  }

  has(id: string): boolean {
    return this.#operations.has(id);
  }

  /** Begins an operation whose id is free, or refuses it. `characters` is the length of the whole message. */
  begin(message: SubscribeMessage, characters: number): void {
    const { id } = message;
    const { budget, client } = this.#options;
    const { subscriptionsPerConnection: most, queueBytesPerConnection } = client.limits;
    budget.limit = queueBytesPerConnection;
    if (this.#operations.size >= most || this.#running >= 2 * most) {
      const reason = `A connection may have ${most} operations open at a time.`;
      this.refuse(id, new GatewayError('LIMIT_EXCEEDED', reason));
      return;
    }
    if (!budget.take(characters)) {
      const reason = 'The documents of your operations use up the queue of this connection: end some, or read faster.';
      this.refuse(id, new GatewayError('LIMIT_EXCEEDED', reason));
      return;
    }
    const operation: Operation = { id, abort: new AbortController(), taken: new DisposableStack(), stop: null };
    operation.taken.defer(() => {
      budget.release(characters);
    });
    this.#operations.set(id, operation);
    void this.#run(operation, message);
  }

  refuse(id: string, error: GatewayError): void {
    const { errors, writer } = this.#options;
    writer.write({ id, type: MessageType.Error, payload: errors.format([errors.translate(error)]) });
  }

  /** The client wants no more of the operation. */
  complete(id: string): void {
    this.#end(this.#operations.get(id));
  }

  [Symbol.dispose](): void {
    for (const operation of this.#operations.values()) this.#end(operation);
  }

  /** Never rejects. */
  async #run(operation: Operation, { payload }: SubscribeMessage): Promise<void> {
    const { budget, client, execute, errors, services } = this.#options;
    this.#running += 1;
    try {
      await services.turns.turn(client.asker);
      if (hasEnded(operation)) return;
      const outcome = await execute(payload, {
        services,
        client,
        protocol: 'graphql-ws',
        budget,
        lastCursors: null,
        admit: (values) => this.#admit(operation, values),
      });
      if (outcome instanceof MarketDataSource) this.#push(operation, outcome);
      else if (isAsyncIterable(outcome)) await this.#stream(operation, outcome[Symbol.asyncIterator]());
      else await this.#answer(operation, outcome);
    } catch (error) {
      await this.#fail(operation, [errors.translate(error)]);
    } finally {
      this.#running -= 1;
    }
  }

  /** Resolves when the client has read its earlier answers and has a share of the memory for this one. */
  async #admit(operation: Operation, values: number): Promise<void> {
    const { client, services } = this.#options;
    const { asker } = client;
    const { signal } = operation.abort;
    this.#keep(operation, await this.#queries.take(asker, 1, signal));
    await this.#room();
    this.#keep(operation, await services.answers.take(asker, values, signal));
    await services.turns.turn(asker);
    signal.throwIfAborted();
  }

  /** Keeps a share until the operation has ended and the socket has taken everything that was written for it. */
  #keep({ taken }: Operation, share: Disposable): void {
    const giveBack = async (): Promise<void> => {
      await this.#room();
      share[Symbol.dispose]();
    };
    if (taken.disposed) void giveBack();
    else taken.defer(() => void giveBack());
  }

  #push(operation: Operation, source: MarketDataSource): void {
    // The client may have left while this was being prepared.
    if (hasEnded(operation)) return;
    const { errors, shapes, writer } = this.#options;
    const subscription = source.pushTo({
      shapes,
      outbox: writer.outbox,
      id: Buffer.from(JSON.stringify(operation.id)),
      onError: (error) => {
        void this.#fail(operation, [errors.translate(error)]);
      },
    });
    operation.stop = () => {
      subscription[Symbol.dispose]();
    };
    // The first events may already have been too much for the client.
    if (hasEnded(operation)) operation.stop();
  }

  async #stream(operation: Operation, results: AsyncIterator<ExecutionResult>): Promise<void> {
    operation.stop = () => {
      // The result settles by itself and interests nobody.
      results.return?.().then(undefined, () => {});
    };
    // The client may have left while this was being prepared.
    if (hasEnded(operation)) operation.stop();
    while (!hasEnded(operation)) {
      // A result is taken only when there is room: in the stream it would be conflated, but a result that was taken
      // grows old.
      await this.#options.writer.room;
      const result = await results.next();
      if (result.done === true) await this.#complete(operation);
      else await this.#next(operation, JSON.stringify(this.#options.errors.formatResult(result.value)));
    }
  }

  async #answer(operation: Operation, result: ExecutionResult): Promise<void> {
    // Without data nothing was executed: the request was refused, which the protocol has a message for.
    if (result.data === undefined && result.errors !== undefined) {
      await this.#fail(operation, result.errors);
    } else {
      const { client, errors, services } = this.#options;
      const turn = (): Promise<void> => services.turns.turn(client.asker);
      await this.#next(operation, await stringifyInSlices(errors.formatResult(result), turn));
      await this.#complete(operation);
    }
  }

  #next(operation: Operation, payload: string): Promise<void> {
    const { id } = operation;
    return this.#inTurn(operation, () => `{"id":${JSON.stringify(id)},"type":"next","payload":${payload}}`);
  }

  #complete(operation: Operation): Promise<void> {
    return this.#inTurn(operation, () => {
      this.#end(operation);
      return JSON.stringify({ id: operation.id, type: MessageType.Complete });
    });
  }

  #fail(operation: Operation, errors: readonly GraphQLError[]): Promise<void> {
    return this.#inTurn(operation, () => {
      this.#end(operation);
      const payload = this.#options.errors.format(errors);
      return JSON.stringify({ id: operation.id, type: MessageType.Error, payload });
    });
  }

  /**
   * Writes when there is room, if the operation still runs then. Waiting messages are written one after the other, so
   * that many large answers at once are like one of them to the socket.
   */
  async #inTurn(operation: Operation, message: () => string): Promise<void> {
    await this.#room();
    if (!hasEnded(operation)) this.#options.writer.writeText(message());
  }

  async #room(): Promise<void> {
    const { writer } = this.#options;
    let room: Promise<void>;
    do {
      room = writer.room;
      await room;
    } while (room !== writer.room);
  }

  #end(operation: Operation | undefined): void {
    if (operation === undefined || hasEnded(operation)) return;
    operation.abort.abort(ENDED);
    if (this.#operations.get(operation.id) === operation) this.#operations.delete(operation.id);
    operation.stop?.();
    operation.taken.dispose();
  }
}

/** Nobody sees this: the client wants nothing more of the operation. */
const ENDED = new GatewayError('BAD_REQUEST', 'The client has ended the operation.');

function hasEnded({ abort }: Operation): boolean {
  return abort.signal.aborted;
}

/** Writes messages to one socket as JSON, in order. */
export class SocketWriter {
  /** Everything is written through this outbox; market data is pushed to it directly. */
  readonly outbox: Outbox;
  #room: Promise<void> = Promise.resolve();

  constructor(outbox: Outbox) {
    this.outbox = outbox;
  }

  /** Resolves when the socket has taken everything that was written. Never rejects. */
  get room(): Promise<void> {
    return this.#room;
  }

  write(message: object): void {
    this.writeText(JSON.stringify(message));
  }

  writeText(message: string): void {
    this.#room = this.outbox.send(message);
  }
}
