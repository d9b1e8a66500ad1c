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
  /** A longer message closes its connection with 1009; a compressed one counts by the length of its text. */
  readonly maxPayloadBytes: number;
  readonly compression: CompressionSettings;
  readonly handleProtocols: NonNullable<ServerOptions['handleProtocols']>;
}

/** A request that asks for a WebSocket, and its connection. */
export interface UpgradeRequest {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** The first bytes of the WebSocket, if they came with the request. */
  readonly head: Buffer;
}

const EXTENSION = 'permessage-deflate';
/**
 * An offer without demands on our compressor: one compressor for all clients can't obey them (RFC 7692, 7.1.1.1 and
 * 7.1.2.1).
 */
const PLAIN_OFFER =
  /^permessage-deflate(?: *; *(?:client_no_context_takeover|client_max_window_bits(?: *= *"?\d{1,2}"?)?))*$/i;

/**
 * Turns requests into WebSockets. If compression is enabled and the client offers it, it is agreed without context
 * takeover for the client, and our messages are compressed once for all clients: no connection keeps a compressor or a
 * decompressor. A client with demands on our compressor gets uncompressed messages.
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

  /** Answers every request with 503 from now on. */
  close(): void {
    this.#closed = true;
  }

  upgrade({ request, socket, head }: UpgradeRequest, accept: (socket: WebSocket) => void): void {
    if (this.#closed) {
      socket.end('HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    dropMalformedOffers(request);
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

  /** Messages of at least this many bytes are sent compressed to this client; null: none. */
  compressFromBytes(socket: WebSocket): number | null {
    return socket.extensions === '' ? null : this.#compression.thresholdBytes;
  }
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i;

/** The library refuses the whole handshake if one offered sub-protocol is no token (RFC 9110), or is offered twice. */
function dropMalformedOffers({ headers }: IncomingMessage): void {
  const offered = headers['sec-websocket-protocol'];
  if (offered === undefined) return;
  const plain = new Set(
    offered
      .split(',')
      .map((name) => name.trim())
      .filter((name) => TOKEN.test(name)),
  );
  if (plain.size === 0) delete headers['sec-websocket-protocol'];
  else headers['sec-websocket-protocol'] = [...plain].join(', ');
}

/** The library's negotiated extensions, as far as its types don't show them. */
type Extensions = Readonly<Record<string, { readonly cleanup?: () => void } | undefined>>;

/**
 * Call this after each whole message of the client. The library makes a decompressor (some 20 KiB) for a client's first
 * compressed message and keeps it as long as the connection. Nothing in it is needed again, so the next message can
 * have a new one. `cleanup` is public, the path to it is not: without it, only the memory would not be freed.
 */
function releaseInflater(socket: WebSocket): void {
  const { _extensions: extensions } = socket as WebSocket & { readonly _extensions?: Extensions };
  extensions?.[EXTENSION]?.cleanup?.();
}

/** The library refuses the whole handshake for an offer that it can't parse, so it never sees one. */
function canCompress(offered: string): boolean {
  const offers = offered.split(',').map((offer) => offer.trim());
  const ours = offers.filter((offer) => offer.toLowerCase().startsWith(EXTENSION));
  return ours.length > 0 && ours.every((offer) => PLAIN_OFFER.test(offer));
}
