import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Clock } from '../../shared/clock.ts';
import type { GatewayError } from '../../shared/errors.ts';
import type { ClientProtocol, DeliveryMeter, Metrics } from '../../shared/metrics.ts';
import type { Encoder, SharedEvent, SharedFrames } from '../frames/SharedEvent.ts';
import type { FlushScheduler } from '../routing/FlushScheduler.ts';
import type { ByteBudget } from './PendingEvents.ts';

/** The part of a WebSocket that an outbox uses, and the connection beneath it. */
export interface OutboxSocket extends Pick<WebSocket, 'close' | 'terminate'> {
  readonly readyState: number;
  send(text: string, options: { readonly compress: boolean }): void;
}
/** The connection beneath a socket, as far as an outbox uses it. */
export type OutboxStream = Pick<Duplex, 'write' | 'writableLength' | 'on' | 'off'>;

/**
 * The subscription that an update is written for: its encoder, and its id at the client. Targets are compared by
 * identity.
 */
export interface OperationTarget {
  readonly encoder: Encoder;
  /** The operation's id in graphql-transport-ws, as JSON with its quotes. Null: frames have no id. */
  readonly id: Buffer | null;
}

export interface OutboxOptions {
  readonly socket: OutboxSocket;
  /** The connection beneath the socket. Only the socket and the outbox write to it. */
  readonly stream: OutboxStream;
  readonly scheduler: FlushScheduler;
  /** How events are written into the answer to an HTTP request. @default WebSocket frames */
  readonly writer?: EventWriter;
  /** Payloads of at least this many bytes are compressed. Null: the client takes no compressed messages. */
  readonly compressFromBytes: number | null;
  readonly budget: ByteBudget;
  readonly clock: Clock;
  /** Counts for all clients of the protocol. */
  readonly meter: DeliveryMeter;
  readonly metrics: Metrics;
  readonly protocol: ClientProtocol;
  /**
   * Called once when the outbox gives the client up because of this error. Returns a last frame that says so, or null
   * for none.
   */
  readonly finalMessage: (error: GatewayError, target: OperationTarget | null) => string | null;
}

/** Writes events for one client. */
export interface EventWriter {
  /** The most that an event takes beside its payload. */
  readonly extraBytes: number;
  /** The events as they are written; `frames` has one payload for each of them, or one for all. */
  write(frames: SharedFrames, events: readonly SharedEvent[]): Buffer;
}
