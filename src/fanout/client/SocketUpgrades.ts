import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { ServerOptions, WebSocket } from 'ws';

/** `server.compression`. */
export interface CompressionSettings {
  readonly enabled: boolean;
  /** Smaller messages are sent as they are. */
  readonly thresholdBytes: number;
}

export interface SocketUpgradesOptions {
  /** A longer message closes its connection with 1009; of a compressed one its text counts. */
  readonly maxPayloadBytes: number;
  readonly compression: CompressionSettings;
  readonly handleProtocols: NonNullable<ServerOptions['handleProtocols']>;
}

const EXTENSION = 'permessage-deflate';
/** An offer with no wishes for our compressor: one made for all can't obey them (RFC 7692, 7.1.1.1 and 7.1.2.1). */
const PLAIN_OFFER =
  /^permessage-deflate(?: *; *(?:client_no_context_takeover|client_max_window_bits(?: *= *"?\d{1,2}"?)?))*$/i;

/**
 * Makes WebSockets of requests that are routed here. Where the client offers compression and it is enabled, it is agreed on
 * such that no connection keeps a compressor or a decompressor: we send messages that were compressed for all, and what the
 * client sends is told without memory of what it sent before. A client with wishes of its own for our compressor is sent plain
 * messages.
 */
export class SocketUpgrades {
  readonly #compression: CompressionSettings;
  readonly #plain: WebSocketServer;
  readonly #compressing: WebSocketServer;
  #closed = false;

  constructor({ maxPayloadBytes, compression, handleProtocols }: SocketUpgradesOptions) {
    this.#compression = compression;
    const options = { noServer: true, clientTracking: false, maxPayload: maxPayloadBytes, handleProtocols };
    this.#plain = new WebSocketServer({ ...options, perMessageDeflate: false });
    this.#compressing = new WebSocketServer({ ...options, perMessageDeflate: { clientNoContextTakeover: true } });
  }

  /** From now on whoever asks is told 503. */
  close(): void {
    this.#closed = true;
  }

  upgrade(
    upgrade: { request: IncomingMessage; socket: Duplex; head: Buffer },
    accept: (socket: WebSocket) => void,
  ): void {
    const { request, socket, head } = upgrade;
    if (this.#closed) {
      socket.end('HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    const offered = request.headers['sec-websocket-extensions'] ?? '';
    if (this.#compression.enabled && canCompress(offered)) {
      this.#compressing.handleUpgrade(request, socket, head, (webSocket) => {
        webSocket.on('message', () => {
          releaseInflater(webSocket);
        });
        accept(webSocket);
      });
    } else {
      this.#plain.handleUpgrade(request, socket, head, accept);
    }
  }

  /** From how many bytes on messages to this client are compressed; null: none is. */
  compressFromBytes(socket: WebSocket): number | null {
    return socket.extensions === '' ? null : this.#compression.thresholdBytes;
  }
}

/** What the library has of the extensions that were agreed on, beyond its types. */
type Extensions = Readonly<Record<string, { readonly cleanup?: () => void } | undefined>>;

/**
 * To be called when a message of the client is whole. The library makes a decompressor (some 20 KiB) for a client's first
 * compressed message and keeps it as long as the connection; as nothing in it is needed again, the next message can have a
 * new one. `cleanup` is public, the way to it is not: without it only the memory would be missed.
 */
function releaseInflater(socket: WebSocket): void {
  const { _extensions: extensions } = socket as WebSocket & { readonly _extensions?: Extensions };
  extensions?.[EXTENSION]?.cleanup?.();
}

/** The library refuses a whole handshake for an offer that it can't take: those are not shown to it. */
function canCompress(offered: string): boolean {
  const offers = offered.split(',').map((offer) => offer.trim());
  const ours = offers.filter((offer) => offer.toLowerCase().startsWith(EXTENSION));
  return ours.length > 0 && ours.every((offer) => PLAIN_OFFER.test(offer));
}
