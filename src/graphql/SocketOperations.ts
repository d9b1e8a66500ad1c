import { MessageType } from 'graphql-ws';
import type { SubscribeMessage } from 'graphql-ws';
import type { ExecutionResult, GraphQLError } from 'graphql';
import type { Services } from '../core/Services.ts';
import type { ByteBudget } from '../fanout/ByteBudget.ts';
import { GatewayError } from '../shared/errors.ts';
import type { ClientErrors } from './ClientErrors.ts';
import type { GraphqlClient } from './context.ts';
import type { DeliveryMeter } from '../fanout/DeliveryMeter.ts';
import type { ExecuteOperation } from './executeOperation.ts';
import type { SharedShapes } from './SharedShapes.ts';
import type { SocketWriter } from './SocketWriter.ts';

export interface SocketOperationsOptions {
  readonly services: Services;
  readonly client: GraphqlClient;
  readonly execute: ExecuteOperation;
  readonly errors: ClientErrors;
  readonly meter: DeliveryMeter;
  readonly shapes: SharedShapes;
  readonly writer: SocketWriter;
  /** The connection's. */
  readonly budget: ByteBudget;
  /** The client has not read what may not be dropped of the operation with this id. */
  readonly onSlow: (id: string) => void;
}

/** One `subscribe` of a client. Told apart by identity: its id is the client's, and may be used again when it is over. */
interface Operation {
  readonly id: string;
  /** Ends what is told of it in more than one message; null as long as there is no such thing. */
  stop: (() => void) | null;
  /** Nothing is sent for it any more. */
  ended: boolean;
}

/**
 * The operations of one client that was let in: from `subscribe` to whatever ends them. A stream's next result is taken when
 * the socket has room for it. Disposed of, all of them end, and nothing more is written.
 */
export class SocketOperations implements Disposable {
  readonly #options: SocketOperationsOptions;
  readonly #operations = new Map<string, Operation>();
  /** Those that the client has completed and that are still being prepared count too. */
  #running = 0;

  constructor(options: SocketOperationsOptions) {
    this.#options = options;
  }

  has(id: string): boolean {
    return this.#operations.has(id);
  }

  /** Begins an operation whose id is free, or refuses it. */
  begin(message: SubscribeMessage): void {
    const { id } = message;
    const { subscriptionsPerConnection: most } = this.#options.client.limits;
    if (this.#operations.size >= most || this.#running >= 2 * most) {
      const told = `A connection may have ${most} operations open at a time.`;
      this.refuse(id, new GatewayError('LIMIT_EXCEEDED', told));
      return;
    }
    const operation: Operation = { id, stop: null, ended: false };
    this.#operations.set(id, operation);
    void this.#run(operation, message);
  }

  refuse(id: string, error: GatewayError): void {
    const { errors, writer } = this.#options;
    writer.write({ id, type: MessageType.Error, payload: errors.format([errors.tell(error)]) });
  }

  /** The client wants no more of it. */
  complete(id: string): void {
    this.#end(this.#operations.get(id));
  }

  [Symbol.dispose](): void {
    for (const operation of this.#operations.values()) this.#end(operation);
  }

  /** Never rejects. */
  async #run(operation: Operation, { payload }: SubscribeMessage): Promise<void> {
    const { budget, client, execute, errors, services, meter, shapes, writer, onSlow } = this.#options;
    this.#running += 1;
    try {
      const outcome = await execute(payload, {
        services,
        client,
        meter,
        protocol: 'graphql-ws',
        direct: {
          shapes,
          outbox: writer.outbox,
          id: operation.id,
          take: (subscription) => {
            this.#take(operation, subscription);
          },
          fail: (error) => {
            void this.#fail(operation, [errors.tell(error)]);
          },
        },
        budget,
        onSlowConsumer: () => {
          onSlow(operation.id);
        },
      });
      // What the executor has of a subscription that is told past it is let go of.
      if (operation.stop !== null) return;
      if (Symbol.asyncIterator in outcome) await this.#stream(operation, outcome[Symbol.asyncIterator]());
      else await this.#answer(operation, outcome);
    } catch (error) {
      await this.#fail(operation, [errors.tell(error)]);
    } finally {
      this.#running -= 1;
    }
  }

  #take(operation: Operation, subscription: Disposable): void {
    operation.stop = () => {
      subscription[Symbol.dispose]();
    };
    // The client may have left while this was being prepared.
    if (operation.ended) operation.stop();
  }

  async #stream(operation: Operation, results: AsyncIterator<ExecutionResult>): Promise<void> {
    operation.stop = () => {
      // It settles by itself, and has nobody to tell.
      results.return?.().then(undefined, () => {});
    };
    // The client may have left while this was being prepared.
    if (operation.ended) operation.stop();
    while (!operation.ended) {
      // Not before there is room: what waits in the stream is conflated, and what was taken from it grows old.
      await this.#options.writer.room;
      const result = await results.next();
      if (result.done === true) await this.#complete(operation);
      else await this.#next(operation, result.value);
    }
  }

  async #answer(operation: Operation, result: ExecutionResult): Promise<void> {
    // Without data there was no execution: the request itself was refused, which the protocol has a message for.
    if (result.data === undefined && result.errors !== undefined) {
      await this.#fail(operation, result.errors);
    } else {
      await this.#next(operation, result);
      await this.#complete(operation);
    }
  }

  #next(operation: Operation, result: ExecutionResult): Promise<void> {
    return this.#inTurn(operation, () => ({
      id: operation.id,
      type: MessageType.Next,
      payload: this.#options.errors.formatResult(result),
    }));
  }

  #complete(operation: Operation): Promise<void> {
    return this.#inTurn(operation, () => {
      this.#end(operation);
      return { id: operation.id, type: MessageType.Complete };
    });
  }

  #fail(operation: Operation, errors: readonly GraphQLError[]): Promise<void> {
    return this.#inTurn(operation, () => {
      this.#end(operation);
      return { id: operation.id, type: MessageType.Error, payload: this.#options.errors.format(errors) };
    });
  }

  /**
   * Writes when there is room, if the operation still runs then. Those that wait get their turns one after the other, so
   * that many large answers at once are no more than one of them to the socket.
   */
  async #inTurn(operation: Operation, message: () => object): Promise<void> {
    const { writer } = this.#options;
    let room: Promise<void>;
    do {
      room = writer.room;
      await room;
    } while (room !== writer.room);
    if (!operation.ended) writer.write(message());
  }

  #end(operation: Operation | undefined): void {
    if (operation === undefined || operation.ended) return;
    operation.ended = true;
    if (this.#operations.get(operation.id) === operation) this.#operations.delete(operation.id);
    operation.stop?.();
  }
}
