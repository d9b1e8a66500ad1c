import { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { TrustedProxies } from '../../../src/http/clientAddress.ts';
import type { ClientConnectionsOptions } from '../../../src/http/ClientConnections.ts';
import { GatewayError } from '../../../src/shared/errors.ts';
import { clientConnections } from '../../support/clientConnections.ts';
import { FakeClock } from '../../support/FakeClock.ts';

const SHORT = new GatewayError('RATE_LIMITED', 'Short.', { httpStatus: 503, retryAfterMs: 5_000 });

/** As real ones do, it reports its end only after the work at hand. */
class FakeSocket extends EventEmitter {
  readonly remoteAddress: string;
  destroyed = false;

  constructor(remoteAddress: string) {
    super();
    this.remoteAddress = remoteAddress;
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    queueMicrotask(() => this.emit('close'));
  }
}

function setUp(options: Partial<ClientConnectionsOptions> = {}) {
  const clock = new FakeClock();
  const connections = clientConnections({ limits: { connections: 6, connectionsPerAddress: 3 }, clock, ...options });
  const accept = (address = '192.0.2.1'): FakeSocket => {
    const socket = new FakeSocket(address);
    connections.accept(socket as unknown as Socket);
    return socket;
  };
  const requestOver = (socket: FakeSocket, headers = {}): IncomingMessage =>
    ({ socket, headers }) as unknown as IncomingMessage;
  const hold = (socket: FakeSocket, headers = {}): Disposable => connections.hold(requestOver(socket, headers));
  const begin = (socket: FakeSocket): Disposable => connections.begin(requestOver(socket));
  const refusalOf = (socket: FakeSocket): string | undefined =>
    connections.refusalOf(socket as unknown as Socket)?.message;
  return { clock, connections, accept, hold, begin, refusalOf };
}

/** How many short-lived connections are allowed beside the long-lived ones. */
const EXTRA = 16;

describe('long-lived connections', () => {
  it('are counted for each address and in total, and disposing of a place frees it exactly once', () => {
    const { connections, accept, hold } = setUp();
    const places = Array.from({ length: 3 }, () => hold(accept()));
    expect(() => hold(accept())).toThrow('Your address has reached its limit of connections');
    for (const address of ['192.0.2.2', '192.0.2.3', '192.0.2.4']) hold(accept(address));
    expect(() => hold(accept('192.0.2.5'))).toThrow('The gateway has reached its limit of connections');
    places[0]?.[Symbol.dispose]();
    places[0]?.[Symbol.dispose]();
    expect(connections.held).toBe(5);
    hold(accept('192.0.2.5'));
  });

  it('from one /64 network of IPv6 count together', () => {
    const { accept, hold } = setUp();
    for (let n = 1; n <= 3; n += 1) hold(accept(`2001:db8::${n}`));
    expect(() => hold(accept('2001:db8::ffff'))).toThrow('Your address');
  });

  it('through a trusted proxy count for the address that it names, and the proxy may have any number', () => {
    const { accept, hold } = setUp({ proxies: new TrustedProxies(['192.0.2.1']) });
    const from = (speaker: string) => ({ 'x-forwarded-for': speaker });
    for (let n = 0; n < 3; n += 1) hold(accept(), from('198.51.100.1'));
    expect(() => hold(accept(), from('198.51.100.1'))).toThrow('Your address');
    hold(accept(), from('198.51.100.2'));
  });

  it('leave nothing behind, whether they were let in or not', () => {
    const { connections, accept, hold } = setUp({
      limits: { connections: 2, connectionsPerAddress: 1 },
      proxies: new TrustedProxies(['192.0.2.1']),
    });
    const proxy = accept();
    const from = (speaker: string): Disposable => hold(proxy, { 'x-forwarded-for': speaker });
    const places = [from('198.51.100.1'), from('198.51.100.2')];
    for (const speaker of ['198.51.100.2', '198.51.100.3', '198.51.100.4'])
      expect(() => from(speaker)).toThrow('limit');
    expect(connections.addresses).toBe(2);
    for (const place of places) place[Symbol.dispose]();
    expect(connections.addresses).toBe(0);
  });

  it('follow lowered limits from the next connection on', () => {
    const limits = { connections: 6, connectionsPerAddress: 3 };
    const { accept, hold } = setUp({ limits });
    hold(accept());
    limits.connectionsPerAddress = 1;
    expect(() => hold(accept())).toThrow('Your address');
  });
});

describe('idle connections', () => {
  it('make room, the oldest first, when their address has reached its limit', async () => {
    const { clock, accept, refusalOf } = setUp();
    const idle = Array.from({ length: 3 + EXTRA }, () => accept());
    await clock.advance(1_000);
    const next = accept();
    expect(refusalOf(next)).toBeUndefined();
    expect(idle.map(({ destroyed }) => destroyed).indexOf(true)).toBe(0);
    expect(idle.filter(({ destroyed }) => destroyed)).toHaveLength(1);
  });

  it('make room for one connection each, even if many come before the first is gone', async () => {
    const { clock, accept } = setUp();
    const idle = Array.from({ length: 3 + EXTRA }, () => accept());
    await clock.advance(1_000);
    for (let n = 0; n < 5; n += 1) accept();
    expect(idle.filter(({ destroyed }) => destroyed)).toHaveLength(5);
  });

  it('make room for other addresses when the gateway has reached its limit', async () => {
    const { clock, accept, refusalOf } = setUp({ maxSockets: 5 });
    const idle = Array.from({ length: 5 }, (_, n) => accept(`192.0.2.${n}`));
    await clock.advance(1_000);
    expect(refusalOf(accept('198.51.100.1'))).toBeUndefined();
    expect(idle[0]?.destroyed).toBe(true);
  });

  it('from one address take at most three quarters of the sockets, so that others get some', () => {
    const { accept, refusalOf } = setUp({ maxSockets: 8 });
    for (let n = 0; n < 6; n += 1) expect(refusalOf(accept('192.0.2.1'))).toBeUndefined();
    expect(refusalOf(accept('192.0.2.1'))).toContain('Your address');
    expect(refusalOf(accept('198.51.100.1'))).toBeUndefined();
  });

  it('are left alone for a moment: in a rush new ones are refused, and none is closed', () => {
    const { accept, refusalOf } = setUp();
    const crowd = Array.from({ length: 3 + EXTRA }, () => accept());
    expect(refusalOf(accept())).toContain('Your address');
    expect(crowd.some(({ destroyed }) => destroyed)).toBe(false);
  });

  it('do not include those with an unfinished request, or long-lived ones', async () => {
    const { clock, accept, begin, hold, refusalOf } = setUp({ maxSockets: 2 });
    const [busy, held] = [accept('192.0.2.1'), accept('192.0.2.2')];
    const answering = begin(busy);
    hold(held);
    await clock.advance(60_000);
    expect(refusalOf(accept('192.0.2.3'))).toContain('short of sockets');
    answering[Symbol.dispose]();
    await clock.advance(1_000);
    expect(refusalOf(accept('192.0.2.4'))).toBeUndefined();
    expect([busy.destroyed, held.destroyed]).toEqual([true, false]);
  });
});

describe('refused connections', () => {
  it('get status 503 and a time to retry, and are closed if they send no request', async () => {
    let isShort = false;
    const { clock, connections, accept, hold } = setUp({ refusal: () => (isShort ? SHORT : null) });
    const before = accept();
    isShort = true;
    const refused = accept();
    expect(connections.refusalOf(before as unknown as Socket)).toBeNull();
    expect(connections.refusalOf(refused as unknown as Socket)).toMatchObject({
      code: 'RATE_LIMITED',
      details: { httpStatus: 503, retryAfterMs: 5_000 },
    });
    // A connection that was let in before may not become a long-lived one either.
    expect(() => hold(before)).toThrow(SHORT);
    await clock.advance(1_000);
    expect([before.destroyed, refused.destroyed]).toEqual([false, true]);
    expect(clock.pending).toBe(0);
  });

  it('are closed without an answer if no sockets are left for one', () => {
    const { accept } = setUp({ maxSockets: 1 });
    accept();
    const refused = Array.from({ length: 20 }, () => accept());
    expect(refused.filter(({ destroyed }) => !destroyed)).toHaveLength(16);
  });
});
