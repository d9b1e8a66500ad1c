import { CloseCode, MessageType, parseMessage } from 'graphql-ws';
import type { Message, SubscribeMessage } from 'graphql-ws';
import type { ExecutionResult, GraphQLError } from 'graphql';
import type { WebSocket } from 'ws';
import type { Services } from '../core/Services.ts';
import { ByteBudget } from '../fanout/ByteBudget.ts';
import { Outbox } from '../fanout/Outbox.ts';
import { assertNever } from '../shared/assertNever.ts';
import { GatewayError } from '../shared/errors.ts';
import type { ClientErrors } from './ClientErrors.ts';
import type { DeliveryMeter } from './DeliveryMeter.ts';
import type { ExecuteOperation } from './executeOperation.ts';

export interface GraphqlWsConnectionOptions {
  readonly socket: WebSocket;
  readonly services: Services;
  readonly execute: ExecuteOperation;
  readonly errors: ClientErrors;
  readonly meter: DeliveryMeter;
  readonly heartbeatMs: number;
  readonly initTimeoutMs: number;
  /** Called once, when the socket has closed and nothing is left. */
  readonly onClosed: () => void;
}

/** One `subscribe` of a client. Told apart by identity: its id is the client's, and may be used again when it is over. */
interface Operation {
  readonly id: string;
  /** Null until the operation has turned out to be a stream. */
  results: AsyncIterator<ExecutionResult> | null;
  /** Nothing is sent for it any more. */
  ended: boolean;
}

const PROTOCOL = 'graphql-ws';

/**
 * One client that speaks graphql-transport-ws (the protocol's text: PROTOCOL.md of graphql-ws, whose messages and close codes
 * these are). All that is written goes through one outbox; a stream's next result is taken when there is room for it. The
 * server makes it; it ends with its socket and leaves neither timer nor interest.
 */
export class GraphqlWsConnection {
  readonly #options: GraphqlWsConnectionOptions;
  readonly #outbox: Outbox;
  readonly #budget: ByteBudget;
  readonly #timers = new DisposableStack();
  readonly #initTimer: Disposable;
  readonly #operations = new Map<string, Operation>();
  #state: 'opened' | 'acknowledged' | 'closing' = 'opened';
  /** Those that the client has completed and that are still being prepared count too. */
  #running = 0;
  #heard = true;
  /** Resolves when the socket has taken what was written last. Never rejects. */
  #room: Promise<void> = Promise.resolve();
  /** The operation that the client did not read, where it is to be told so. */
  #slowId: string | null = null;

  constructor(options: GraphqlWsConnectionOptions) {
    this.#options = options;
    const { socket, services, heartbeatMs, initTimeoutMs } = options;
    const { clock, metrics, limits } = services;
    this.#budget = new ByteBudget(limits.queueBytesPerConnection);
    this.#outbox = new Outbox({
      socket,
      budget: this.#budget,
      clock,
      metrics,
      protocol: PROTOCOL,
      slowConsumerNotice: (error) => this.#slowConsumerNotice(error),
    });
    // First of all: what goes wrong with a socket must find somebody.
    socket.on('error', () => {
      metrics.invalidMessages.inc({ source: PROTOCOL });
    });
    socket.on('close', () => {
      this.#closed();
    });
    socket.on('pong', () => {
      this.#heard = true;
    });
    socket.on('message', (data, isBinary) => {
      this.#receive(data, isBinary);
    });
    metrics.connections.inc({ protocol: PROTOCOL });
    this.#initTimer = this.#timers.use(
      clock.after(initTimeoutMs, () => {
        this.close(CloseCode.ConnectionInitialisationTimeout, 'Connection initialisation timeout');
      }),
    );
    this.#timers.use(
      clock.every(heartbeatMs, () => {
        this.#beat();
      }),
    );
  }

  close(code: number, reason: string): void {
    this.#state = 'closing';
    this.#endOperations();
    this.#outbox.close(code, reason);
  }

  #receive(data: { toString(): string }, isBinary: boolean): void {
    if (this.#state === 'closing') return;
    if (isBinary) {
      this.#refuse('Binary messages are not part of the protocol');
      return;
    }
    let message: Message;
    try {
      message = parseMessage(data.toString());
    } catch (error) {
      this.#refuse(error instanceof Error ? error.message : 'Invalid message');
      return;
    }
    this.#obey(message);
  }

  #obey(message: Message): void {
    switch (message.type) {
      case MessageType.ConnectionInit:
        this.#acknowledge();
        return;
      case MessageType.Ping:
        this.#write({ type: MessageType.Pong, ...(message.payload ? { payload: message.payload } : {}) });
        return;
      case MessageType.Pong:
        return;
      case MessageType.Subscribe:
        this.#subscribe(message);
        return;
      case MessageType.Complete:
        this.#end(this.#operations.get(message.id));
        return;
      case MessageType.ConnectionAck:
      case MessageType.Next:
      case MessageType.Error:
        this.#refuse(`Messages of type ${message.type} are sent by the server only`);
        return;
      default:
        assertNever(message);
    }
  }

  #acknowledge(): void {
    if (this.#state !== 'opened') {
      this.close(CloseCode.TooManyInitialisationRequests, 'Too many initialisation requests');
      return;
    }
    this.#state = 'acknowledged';
    this.#initTimer[Symbol.dispose]();
    this.#write({ type: MessageType.ConnectionAck });
  }

  #subscribe(message: SubscribeMessage): void {
    const { id } = message;
    if (this.#state !== 'acknowledged') {
      this.close(CloseCode.Unauthorized, 'Unauthorized');
    } else if (this.#operations.has(id)) {
      this.close(CloseCode.SubscriberAlreadyExists, `Subscriber for ${id} already exists`);
    } else if (this.#isFull) {
      this.#refuseOperation(id);
    } else {
      const operation: Operation = { id, results: null, ended: false };
      this.#operations.set(id, operation);
      void this.#run(operation, message);
    }
  }

  get #isFull(): boolean {
    const { subscriptionsPerConnection: most } = this.#options.services.limits;
    return this.#operations.size >= most || this.#running >= 2 * most;
  }

  #refuseOperation(id: string): void {
    const { errors, services } = this.#options;
    const most = services.limits.subscriptionsPerConnection;
    const error = new GatewayError('LIMIT_EXCEEDED', `A connection may have ${most} operations open at a time.`);
    this.#write({ id, type: MessageType.Error, payload: errors.format([errors.tell(error)]) });
  }

  /** Never rejects. */
  async #run(operation: Operation, { payload }: SubscribeMessage): Promise<void> {
    const { execute, errors, services, meter } = this.#options;
    this.#running += 1;
    try {
      const outcome = await execute(payload, {
        services,
        meter,
        protocol: PROTOCOL,
        budget: this.#budget,
        onSlowConsumer: () => {
          this.#cutOff(operation);
        },
      });
      if (Symbol.asyncIterator in outcome) await this.#stream(operation, outcome[Symbol.asyncIterator]());
      else await this.#answer(operation, outcome);
    } catch (error) {
      await this.#fail(operation, [errors.tell(error)]);
    } finally {
      this.#running -= 1;
    }
  }

  async #stream(operation: Operation, results: AsyncIterator<ExecutionResult>): Promise<void> {
    operation.results = results;
    // The client may have left while this was being prepared.
    if (operation.ended) await results.return?.();
    while (!operation.ended) {
      // Not before there is room: what waits in the stream is conflated, and what was taken from it grows old.
      await this.#room;
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
    let room: Promise<void>;
    do {
      room = this.#room;
      await room;
    } while (room !== this.#room);
    if (!operation.ended) this.#write(message());
  }

  #write(message: object): void {
    this.#room = this.#outbox.send(JSON.stringify(message));
  }

  #end(operation: Operation | undefined): void {
    if (operation === undefined || operation.ended) return;
    operation.ended = true;
    if (this.#operations.get(operation.id) === operation) this.#operations.delete(operation.id);
    // It settles by itself, and has nobody to tell.
    operation.results?.return?.().then(undefined, () => {});
  }

  #endOperations(): void {
    for (const operation of this.#operations.values()) this.#end(operation);
  }

  /** The client did not read what may not be dropped: it is told for which operation, and closed with 1013. */
  #cutOff(operation: Operation): void {
    if (this.#state === 'closing') return;
    this.#state = 'closing';
    this.#slowId = operation.id;
    this.#endOperations();
    this.#outbox.closeSlow();
  }

  #slowConsumerNotice(error: GatewayError): string | null {
    if (this.#slowId === null) return null;
    const { message } = error;
    return JSON.stringify({
      id: this.#slowId,
      type: MessageType.Error,
      payload: [{ message, extensions: error.toExtensions() }],
    });
  }

  #refuse(reason: string): void {
    this.#options.services.metrics.invalidMessages.inc({ source: PROTOCOL });
    this.close(CloseCode.BadRequest, reason);
  }

  #beat(): void {
    const { socket } = this.#options;
    if (!this.#heard) socket.terminate();
    else if (socket.readyState === socket.OPEN) socket.ping();
    this.#heard = false;
  }

  #closed(): void {
    this.#state = 'closing';
    this.#timers.dispose();
    this.#outbox[Symbol.dispose]();
    this.#endOperations();
    this.#options.services.metrics.connections.dec({ protocol: PROTOCOL });
    this.#options.onClosed();
  }
}
