import { isUtf8 } from 'node:buffer';
import { WebSocket } from 'ws';
import type { RawData } from 'ws';
import { describeFailure, retryAfterMs } from './httpGet.ts';

/** Why a socket ended: a short sentence for a person, without the other side's words. */
export interface SocketEnd {
  readonly reason: string;
  /** How long the other side asked us to wait; 0 if it did not. */
  readonly retryAfterMs: number;
}

/** What a socket reports. Nothing is called before `OpenWebSocket` has returned, and nothing after `onEnd`. */
export interface SocketListener {
  onOpen(): void;
  onText(text: string): void;
  /** A frame that is neither text nor ping nor pong, or text that is not UTF-8. */
  onUnreadable(): void;
  onHeartbeat(): void;
  /** Called once, when the socket no longer exists. */
  onEnd(end: SocketEnd): void;
}

/** A socket that is connecting, open, or closing. */
export interface OutgoingSocket {
  send(text: string): void;
  /** Ends the socket at once, in whatever state it is. `onEnd` follows. */
  terminate(): void;
}

/** Opens a socket and reports what happens to it. */
export type OpenWebSocket = (url: string, listener: SocketListener) => OutgoingSocket;

const HANDSHAKE_TIMEOUT_MS = 10_000;
const MAX_PAYLOAD_BYTES = 4 * 1024 * 1024;
const CLOSE_NORMAL = 1000;

/** A real WebSocket: no compression, no redirects, frames of at most 4 MiB, pings answered. */
export const openWebSocket: OpenWebSocket = (url, listener) => {
  const socket = new WebSocket(url, {
    perMessageDeflate: false,
    maxPayload: MAX_PAYLOAD_BYTES,
    followRedirects: false,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    // The listener drops and counts one bad frame; ws would end the connection for it.
    skipUTF8Validation: true,
  });
  let end: SocketEnd | null = null;
  // First of all: an error without a listener ends the process.
  socket.on('error', (error) => {
    end ??= { reason: describeFailure(error), retryAfterMs: 0 };
  });
  socket.on('unexpected-response', (_request, response) => {
    const { date = '', 'retry-after': retryAfter } = response.headers;
    // A date is relative to the other side's own clock; without that it can't be interpreted.
    const waitMs = retryAfterMs(retryAfter, Date.parse(date)) ?? 0;
    end ??= {
      reason: `The handshake was answered with HTTP ${response.statusCode ?? 0}.`,
      retryAfterMs: Number.isNaN(waitMs) ? 0 : waitMs,
    };
    socket.terminate();
  });
  socket.on('open', () => {
    listener.onOpen();
  });
  socket.on('message', (data, isBinary) => {
    const bytes = toBuffer(data);
    if (isBinary || !isUtf8(bytes)) listener.onUnreadable();
    else listener.onText(bytes.toString('utf8'));
  });
  socket.on('ping', () => {
    listener.onHeartbeat();
  });
  socket.on('pong', () => {
    listener.onHeartbeat();
  });
  socket.on('close', (code) => {
    listener.onEnd(end ?? { reason: `The other side closed the connection (code ${code}).`, retryAfterMs: 0 });
  });
  return {
    send(text) {
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
    },
    terminate() {
      // Sends a close frame, but does not wait for the answer: the other side may not exist any more.
      if (socket.readyState === WebSocket.OPEN) socket.close(CLOSE_NORMAL);
      socket.terminate();
    },
  };
};

function toBuffer(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}
