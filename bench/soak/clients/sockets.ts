import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { Listener } from './Connection.ts';

/** Reports the end of a socket, whatever it is, once. */
export function endOnce(socket: WebSocket, listener: Pick<Listener, 'onEnd'>): void {
  socket.on('error', () => undefined);
  socket.on('close', (code: number, reason: Buffer) => {
    listener.onEnd(`${code} ${reason.toString()}`.trim());
  });
}

/** Ends a socket as if the client's machine had crashed and come back. */
export function resetSocket(socket: WebSocket): void {
  const { _socket: tcp } = socket as unknown as { readonly _socket: Socket | null };
  tcp?.resetAndDestroy();
  socket.terminate();
}
