import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Connection, Listener, Resumption } from './Connection.ts';
import { PASSING } from './Connection.ts';
import { documentOf, variablesOf } from './documents.ts';
import { fromGraphql } from './events.ts';
import type { Wish } from './wishes.ts';

interface Result {
  readonly data?: { readonly marketData?: Json } | null;
  readonly errors?: readonly { readonly message: string; readonly extensions?: { readonly code?: string } }[];
  readonly payload?: Result | null;
}
type Json = Readonly<Record<string, unknown>>;

/** Subscribes over server-sent events, going on by Last-Event-ID as browsers do, or over multipart. */
export function openStream(port: number, wish: Wish, resumption: Resumption, listener: StreamListener): Connection {
  const isSse = wish.protocol === 'sse';
  const { lastEventId } = resumption;
  const sent = request({
    host: '127.0.0.1',
    port,
    path: '/graphql',
    method: 'POST',
    agent: false,
    headers: {
      'content-type': 'application/json',
      accept: isSse ? 'text/event-stream' : 'multipart/mixed;subscriptionSpec=1.0',
      ...(isSse && lastEventId !== null ? { 'last-event-id': lastEventId } : {}),
    },
  });
  let response: IncomingMessage | null = null;
  let hasEnded = false;
  const end = (why: string): void => {
    if (hasEnded) return;
    hasEnded = true;
    sent.destroy();
    listener.onEnd(why);
  };
  const take = (result: Result): void => {
    for (const { message, extensions } of result.errors ?? []) {
      const code = extensions?.code ?? 'none';
      if (!PASSING.includes(code)) listener.onFault(`error ${code}: ${message}`);
    }
    const event = result.data?.marketData;
    if (event !== undefined) listener.onEvent(fromGraphql(event));
  };
  sent.on('response', (answer) => {
    response = answer;
    if (answer.statusCode !== 200) {
      end(`HTTP ${String(answer.statusCode)}`);
      return;
    }
    listener.onOpen();
    const read = isSse ? eventReader(take, (id) => listener.onEventId(id)) : partReader(answer, take);
    answer.setEncoding('utf8').on('data', (text: string) => {
      try {
        read(text);
      } catch (error) {
        listener.onFault(`not readable: ${String(error)}`);
      }
    });
    answer.on('error', () => undefined);
    answer.on('close', () => {
      end('the stream ended');
    });
  });
  sent.on('error', (error) => {
    end(error.message);
  });
  sent.on('close', () => {
    end('closed');
  });
  const variables = variablesOf(wish, isSse ? { ...resumption, cursors: [] } : resumption);
  sent.end(JSON.stringify({ query: documentOf(wish), variables }));
  return {
    close: () => {
      sent.destroy();
    },
    die: () => {
      sent.socket?.resetAndDestroy();
      sent.destroy();
    },
    setPaused: (paused) => {
      if (paused) response?.pause();
      else response?.resume();
    },
    setCredentials: () => undefined,
  };
}

export interface StreamListener extends Listener {
  onEventId(id: string): void;
}

function eventReader(take: (result: Result) => void, onId: (id: string) => void): (text: string) => void {
  let rest = '';
  return (text) => {
    const blocks = (rest + text).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = new Map(
        block.split('\n').map((line) => {
          const colon = line.indexOf(':');
          return [line.slice(0, colon), line.slice(colon + 1).trim()];
        }),
      );
      if (fields.get('event') === 'next') take(JSON.parse(fields.get('data') ?? '') as Result);
      const id = fields.get('id');
      if (id !== undefined) onId(id);
    }
  };
}

function partReader({ headers }: IncomingMessage, take: (result: Result) => void): (text: string) => void {
  const boundary = /;\s*boundary="?([^";]+)"?/.exec(headers['content-type'] ?? '')?.[1] ?? '-';
  const delimiter = `\r\n--${boundary}`;
  let rest = '\r\n';
  return (text) => {
    const parts = (rest + text).split(delimiter);
    rest = parts.pop() ?? '';
    for (const part of parts) {
      const body = part.split('\r\n\r\n')[1];
      if (body === undefined || body === '{}') continue;
      const result = JSON.parse(body) as Result;
      take(result.payload ?? result);
    }
  };
}
