import type { IncomingMessage } from 'node:http';
import { CloseCode, MessageType, validateMessage } from 'graphql-ws';
import type { ConnectionInitMessage, Message, PingMessage, PongMessage, SubscribeMessage } from 'graphql-ws';
import type { WebSocket } from 'ws';
import { messageRate } from '../../core/client.ts';
import type { ClientAddress, Limits } from '../../core/client.ts';
import { ConnectedClient } from '../../core/ConnectedClient.ts';
import type { Services } from '../../core/Services.ts';
import { ByteBudget } from '../../fanout/client/PendingEvents.ts';
import { Inbox } from '../../fanout/client/Inbox.ts';
import type { ServedConnection, UpgradedSocket } from '../../fanout/client/SocketServer.ts';
import { TRY_AGAIN_LATER } from '../../fanout/client/closeReason.ts';
import { Outbox } from '../../fanout/client/Outbox.ts';
import type { OperationTarget } from '../../fanout/client/outboxOptions.ts';
import { withoutByteOrderMark } from '../../shared/byteOrderMark.ts';
import { assertNever, GatewayError } from '../../shared/errors.ts';
import { logFault } from '../../shared/logger.ts';
import type { ClientErrors } from '../ClientErrors.ts';
import type { DeliveryMeter } from '../../shared/metrics.ts';
import type { SharedShapes } from '../shapes/SharedShapes.ts';
import type { ExecuteOperation } from '../executeOperation.ts';
import { withQuery } from '../persistedQuery.ts';
import { closeOfRefusal, loginEndsSoon, socketCredentials } from './socketLogin.ts';
import { SocketOperations, SocketWriter } from './SocketOperations.ts';

export interface GraphqlWsConnectionOptions extends UpgradedSocket {
  /** The request that was upgraded. Released once the client has logged in. */
  readonly request: IncomingMessage;
  readonly services: Services;
  readonly execute: ExecuteOperation;
  readonly errors: ClientErrors;
  readonly meter: DeliveryMeter;
  readonly shapes: SharedShapes;
  readonly initTimeoutMs: number;
}

type State =
  | { readonly kind: 'opened'; readonly request: IncomingMessage; readonly patience: Disposable }
  /** The client has sent connection_init, and its login is being verified. */
  | { readonly kind: 'admitting' }
  | { readonly kind: 'admitted'; readonly client: ConnectedClient; readonly operations: SocketOperations }
  | { readonly kind: 'closing' };

interface ReceivedMessage {
  readonly message: Message;
  readonly characters: number;
}

const PROTOCOL = 'graphql-ws';

/**
 * One client that speaks graphql-transport-ws; messages and close codes are those of PROTOCOL.md in graphql-ws. Its
 * messages go through an inbox, and everything that it is sent through an outbox. When its socket closes, no timer and
 * no subscription of it is left.
 */
export class GraphqlWsConnection implements ServedConnection {
  readonly #options: Omit<GraphqlWsConnectionOptions, 'request'>;
  readonly #address: ClientAddress;
  /** Bounds everything that waits for this client or from it. */
  readonly #budget: ByteBudget;
  readonly #inbox: Inbox<ReceivedMessage>;
  readonly #outbox: Outbox;
  readonly #writer: SocketWriter;
  /** Disposed of when the socket has closed. */
  readonly #owned = new DisposableStack();
  readonly #closed = Promise.withResolvers<void>();
  #state: State;

  constructor({ request, ...options }: GraphqlWsConnectionOptions) {
    this.#options = options;
    const { socket, services, heartbeats, initTimeoutMs } = options;
    const { clock, metrics, limits } = services;
    this.#address = services.clientOf(request);
    this.#budget = new ByteBudget(limits.queueBytesPerConnection);
    this.#outbox = new Outbox({
      socket,
      stream: options.stream,
      scheduler: services.scheduler,
      compressFromBytes: options.compressFromBytes,
      budget: this.#budget,
      clock,
      meter: options.meter,
      metrics,
      protocol: PROTOCOL,
      finalMessage: (error, target) => this.#finalMessage(error, target),
    });
    this.#writer = new SocketWriter(this.#outbox);
    this.#inbox = new Inbox({
      socket,
      clock,
      budget: this.#budget,
      rate: () => messageRate(this.#limits),
      handle: (received) => this.#handle(received),
      onOverload: () => {
        this.close(TRY_AGAIN_LATER, 'Too many messages; try again later');
      },
    });
    this.#listen(socket);
    metrics.connections.inc({ protocol: PROTOCOL });
    const patience = clock.after(initTimeoutMs, () => {
      this.close(CloseCode.ConnectionInitialisationTimeout, 'Connection initialisation timeout');
    });
    this.#state = { kind: 'opened', request, patience };
    this.#owned.use(heartbeats.add(socket));
    this.#owned.use(this.#outbox);
    this.#owned.use(this.#inbox);
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  close(code: number, reason: string): void {
    this.#stop();
    this.#outbox.close(code, reason);
  }

  finish(code: number, reason: string): void {
    this.#outbox.finish(code, reason);
    this.#stop();
  }

  #listen(socket: WebSocket): void {
    // This comes first, because an error of a socket without a listener would end the process.
    socket.on('error', () => {
      this.#options.services.metrics.invalidMessages.inc({ source: PROTOCOL });
    });
    socket.on('close', () => {
      this.#stop();
      this.#owned.dispose();
      this.#options.services.metrics.connections.dec({ protocol: PROTOCOL });
      this.#closed.resolve();
    });
    socket.on('message', (data, isBinary) => {
      this.#receive(data, isBinary);
    });
  }

  #receive(data: { toString(): string }, isBinary: boolean): void {
    if (this.#state.kind === 'closing') return;
    if (isBinary) {
      this.#refuse('Binary messages are not part of the protocol');
      return;
    }
    const text = data.toString();
    const { message, fault } = readMessage(text);
    if (message === undefined) {
      this.#refuse(fault);
      return;
    }
    // Ending an operation never waits: there can be no more of these than operations that were begun.
    if (message.type === MessageType.Complete && this.#isRunning(message.id)) {
      this.#complete(message.id);
      return;
    }
    if (message.type === MessageType.ConnectionInit && this.#state.kind !== 'opened') {
      this.close(CloseCode.TooManyInitialisationRequests, 'Too many initialisation requests');
      return;
    }
    // A ping is answered at once, but counts like every message, so it goes through the inbox too.
    if (message.type === MessageType.Ping) this.#writer.write(pong(message));
    this.#inbox.add({ message, characters: text.length }, text.length);
  }

  #handle(received: ReceivedMessage): Promise<void> | void {
    const { message } = received;
    if (this.#state.kind === 'closing') return undefined;
    switch (message.type) {
      case MessageType.ConnectionInit:
        return this.#begin(message);
      case MessageType.Subscribe:
        this.#subscribe(message, received.characters);
        return undefined;
      case MessageType.Complete:
        this.#complete(message.id);
        return undefined;
      case MessageType.Ping:
      case MessageType.Pong:
        return undefined;
      case MessageType.ConnectionAck:
      case MessageType.Next:
      case MessageType.Error:
        this.#refuse(`Messages of type ${message.type} are sent by the server only`);
        return undefined;
      default:
        return assertNever(message);
    }
  }

  #begin({ payload }: ConnectionInitMessage): Promise<void> | void {
    if (this.#state.kind !== 'opened') return undefined;
    const { request, patience } = this.#state;
    patience[Symbol.dispose]();
    this.#state = { kind: 'admitting' };
    return this.#admit(payload, request);
  }

  /** Never rejects. */
  async #admit(payload: ConnectionInitMessage['payload'], { headers }: IncomingMessage): Promise<void> {
    const { services } = this.#options;
    try {
      using stack = new DisposableStack();
      const credentials = socketCredentials(payload, headers, services.logins);
      const client = stack.use(await ConnectedClient.admit({ services, address: this.#address, ...credentials }));
      client.takePlace();
      if (this.#state.kind !== 'admitting') return;
      this.#owned.use(client);
      stack.move();
      this.#acknowledge(client);
    } catch (error) {
      this.#refuseLogin(error);
    }
  }

  #acknowledge(client: ConnectedClient): void {
    client.watchLogin({
      endsSoon: (endsAtMs) => {
        this.#writer.write(loginEndsSoon(endsAtMs));
      },
      ended: () => {
        this.close(CloseCode.Forbidden, 'The login has ended: connect anew with another');
      },
    });
    this.#budget.limit = client.limits.queueBytesPerConnection;
    const operations = new SocketOperations({ ...this.#options, client, writer: this.#writer, budget: this.#budget });
    this.#state = { kind: 'admitted', client, operations };
    this.#writer.write({ type: MessageType.ConnectionAck });
  }

  #refuseLogin(thrown: unknown): void {
    if (this.#state.kind === 'closing') return;
    const { errors } = this.#options;
    const error = GatewayError.from(thrown);
    errors.count([errors.translate(error)]);
    const { code, reason } = closeOfRefusal(error);
    this.close(code, reason);
  }

  get #limits(): Limits {
    return this.#state.kind === 'admitted' ? this.#state.client.limits : this.#options.services.limits;
  }

  #isRunning(id: string): boolean {
    return this.#state.kind === 'admitted' && this.#state.operations.has(id);
  }

  #subscribe(message: SubscribeMessage, characters: number): void {
    if (this.#state.kind !== 'admitted') {
      this.close(CloseCode.Unauthorized, 'Unauthorized');
    } else if (this.#state.operations.has(message.id)) {
      this.close(CloseCode.SubscriberAlreadyExists, `Subscriber for ${message.id} already exists`);
    } else {
      this.#state.operations.begin(message, characters);
    }
  }

  #complete(id: string): void {
    if (this.#state.kind === 'admitted') this.#state.operations.complete(id);
  }

  #finalMessage(error: GatewayError, target: OperationTarget | null): string | null {
    this.#stop();
    logFault(this.#options.services.logger, error, 'a client could not be sent its market data');
    if (target?.id === undefined || target.id === null) return null;
    const id: unknown = JSON.parse(target.id.toString());
    const { message } = error;
    return JSON.stringify({
      id,
      type: MessageType.Error,
      payload: [{ message, extensions: error.toExtensions() }],
    });
  }

  #refuse(reason: string): void {
    this.#options.services.metrics.invalidMessages.inc({ source: PROTOCOL });
    this.close(CloseCode.BadRequest, reason);
  }

  /** Ignores everything that the client sends from now on, and ends its operations. */
  #stop(): void {
    const state = this.#state;
    this.#state = { kind: 'closing' };
    this.#inbox[Symbol.dispose]();
    if (state.kind === 'opened') state.patience[Symbol.dispose]();
    if (state.kind === 'admitted') state.operations[Symbol.dispose]();
  }
}

function pong({ payload }: PingMessage): PongMessage {
  return { type: MessageType.Pong, ...(payload ? { payload } : {}) };
}

/** Every frame of an operation repeats its id. */
const MAX_ID_LENGTH = 4_096;
/** JSON.stringify fails for deeper nesting, and the payload of a ping has to be sent back. */
const MAX_NESTING = 100;

type ReadMessage =
  { readonly message: Message; readonly fault?: undefined } | { readonly message?: undefined; readonly fault: string };

/** Returns the message, or what is wrong with it. */
function readMessage(text: string): ReadMessage {
  try {
    const message = validateMessage(withQuery(JSON.parse(withoutByteOrderMark(text))));
    if ('id' in message && message.id.length > MAX_ID_LENGTH) {
      return { fault: `The id of an operation may have ${MAX_ID_LENGTH} characters at most` };
    }
    if (message.type === MessageType.Ping && isNestedDeeper(message.payload, MAX_NESTING)) {
      return { fault: `The payload of a ping may be nested ${MAX_NESTING} levels deep at most` };
    }
    return { message };
  } catch (error) {
    // The messages of JSON.parse quote their input.
    return { fault: error instanceof Error && !(error instanceof SyntaxError) ? error.message : 'Invalid message' };
  }
}

function isNestedDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((item) => isNestedDeeper(item, levels - 1));
}
