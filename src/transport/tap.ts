import type { HttpLineFeedOptions } from './HttpLineFeed.ts';
import type { OpenWebSocket } from './WebSocketFeed.ts';

/** Is told what came of live data, in the venue's own words. */
export type FrameTap = (text: string) => void;

/** Opens sockets whose texts are told before they are handled. */
export function tapSockets(open: OpenWebSocket, tap: FrameTap): OpenWebSocket {
  return (url, listener) =>
    open(url, {
      onOpen: () => {
        listener.onOpen();
      },
      onText: (text) => {
        tap(text);
        listener.onText(text);
      },
      onUnreadable: () => {
        listener.onUnreadable();
      },
      onHeartbeat: () => {
        listener.onHeartbeat();
      },
      onEnd: (end) => {
        listener.onEnd(end);
      },
    });
}

/** Options of a feed whose lines are told before they are handled. */
export function tapLines(options: HttpLineFeedOptions, tap: FrameTap): HttpLineFeedOptions {
  const { listener } = options;
  return {
    ...options,
    listener: {
      onOpen: () => {
        listener.onOpen();
      },
      onLine: (text) => {
        tap(text);
        return listener.onLine(text);
      },
      onActivity: () => {
        listener.onActivity();
      },
      onInvalid: () => {
        listener.onInvalid();
      },
    },
  };
}
