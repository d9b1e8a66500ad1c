import { expect, it } from 'vitest';
import { tapLines, tapSockets } from '../../../src/transport/tap.ts';
import type { HttpLineFeedOptions, LineFeedListener } from '../../../src/transport/HttpLineFeed.ts';
import type { SocketListener } from '../../../src/transport/WebSocketFeed.ts';
import { FakeClock } from '../../support/FakeClock.ts';

it('a socket’s texts are told first, and everything reaches its owner', () => {
  const heard: string[] = [];
  const owner: SocketListener = {
    onOpen: () => heard.push('open'),
    onText: (text) => heard.push(`owner ${text}`),
    onUnreadable: () => heard.push('unreadable'),
    onHeartbeat: () => heard.push('heartbeat'),
    onEnd: ({ reason }) => heard.push(reason),
  };
  const socket = { send: () => undefined, terminate: () => undefined };
  let given: SocketListener | null = null;
  const open = tapSockets(
    (url, listener) => {
      heard.push(url);
      given = listener;
      return socket;
    },
    (text) => heard.push(`tap ${text}`),
  );
  expect(open('wss://venue', owner)).toBe(socket);
  const listener = given as SocketListener | null;
  listener?.onOpen();
  listener?.onText('{"a":1}');
  listener?.onUnreadable();
  listener?.onHeartbeat();
  listener?.onEnd({ reason: 'over', retryAfterMs: 0 });
  const [first, ...rest] = heard;
  expect(first).toBe('wss://venue');
  expect(rest).toEqual(['open', 'tap {"a":1}', 'owner {"a":1}', 'unreadable', 'heartbeat', 'over']);
});

it('a feed’s lines are told first, and the owner says whether they are valid', () => {
  const heard: string[] = [];
  const owner: LineFeedListener = {
    onOpen: () => heard.push('open'),
    onLine: (text) => heard.push(`owner ${text}`) > 0 && text !== 'bad',
    onActivity: () => heard.push('activity'),
    onInvalid: () => heard.push('invalid'),
  };
  const options: HttpLineFeedOptions = {
    target: () => ({ url: 'https://venue', headers: { authorization: 'secret' } }),
    clock: new FakeClock(),
    deadAfterMs: 1,
    senselessAfterMs: 1,
    maxLineBytes: 1,
    maxInvalidPerMinute: 1,
    listener: owner,
  };
  const { listener, ...rest } = tapLines(options, (text) => heard.push(`tap ${text}`));
  expect(rest.target).toBe(options.target);
  listener.onOpen();
  expect([listener.onLine('good'), listener.onLine('bad')]).toEqual([true, false]);
  listener.onActivity();
  listener.onInvalid();
  expect(heard).toEqual(['open', 'tap good', 'owner good', 'tap bad', 'owner bad', 'activity', 'invalid']);
});
