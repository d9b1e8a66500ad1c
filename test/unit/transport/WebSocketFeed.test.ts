import { describe, expect, it } from 'vitest';
import { runOwned } from '../../../src/shared/faultScope.ts';
import { silentLogger } from '../../../src/shared/logger.ts';
import { WebSocketFeed } from '../../../src/transport/WebSocketFeed.ts';
import { FakeClock } from '../../support/FakeClock.ts';
import { FakeSockets } from '../../support/FakeSockets.ts';

function openFeed(accept: (text: string) => boolean = () => true) {
  const clock = new FakeClock();
  const sockets = new FakeSockets();
  const told: string[] = [];
  const feed = new WebSocketFeed({
    url: 'ws://venue/stream',
    open: sockets.open,
    clock,
    logger: silentLogger(),
    deadAfterMs: 60_000,
    maxInvalidPerMinute: 3,
    listener: {
      onOpen: () => void told.push('open'),
      onText: (text) => {
        told.push(text);
        return accept(text);
      },
      onActivity: () => void told.push('activity'),
      onInvalid: () => void told.push('invalid'),
      onEnd: () => void told.push('end'),
    },
  });
  return { clock, socket: sockets.last, told, feed };
}

describe('WebSocketFeed', () => {
  it('reports what comes, each frame as a sign of life', () => {
    const { socket, told, feed } = openFeed();
    expect(feed.isOpen).toBe(false);
    socket.open();
    socket.text('a');
    socket.ping();
    expect(feed.isOpen).toBe(true);
    expect(told).toEqual(['activity', 'open', 'activity', 'a', 'activity']);
  });

  it('sends only while it is open', () => {
    const { socket, feed } = openFeed();
    feed.send('early');
    socket.open();
    feed.send('in time');
    feed.end('enough');
    feed.send('late');
    expect(socket.sent).toEqual(['in time']);
  });

  it('ends when nothing at all has come for too long, and not before', async () => {
    const { clock, socket, feed } = openFeed();
    socket.open();
    await clock.advance(50_000);
    socket.ping();
    await clock.advance(59_000);
    expect(feed.isOpen).toBe(true);
    await clock.advance(7_000);
    expect(feed.isOpen).toBe(false);
    expect(socket.gone).toBe(true);
    expect((await feed.ended).reason).toMatch(/too long/);
  });

  it('is not fooled by a jump of the wall clock', async () => {
    const { clock, socket, feed } = openFeed();
    socket.open();
    clock.jumpWall(3_600_000);
    await clock.advance(10_000);
    expect(feed.isOpen).toBe(true);
  });

  it('drops invalid frames, and ends when there are too many of them', async () => {
    const { clock, socket, told, feed } = openFeed((text) => text !== 'bad');
    socket.open();
    for (let count = 0; count < 3; count += 1) socket.text('bad');
    expect(feed.isOpen).toBe(true);
    await clock.advance(60_000 - 1);
    socket.text('good');
    expect(feed.isOpen).toBe(true);
    socket.unreadable();
    expect(feed.isOpen).toBe(false);
    expect(told.filter((word) => word === 'invalid')).toHaveLength(4);
  });

  it('takes what is thrown over a frame for a bad frame', () => {
    const { socket, told, feed } = openFeed((text) => {
      if (text === 'poison') throw new Error('a fault of ours');
      return true;
    });
    socket.open();
    socket.text('poison');
    socket.text('fine');
    expect(feed.isOpen).toBe(true);
    expect(told.slice(2)).toEqual(['activity', 'poison', 'invalid', 'activity', 'fine']);
    for (let count = 0; count < 3; count += 1) socket.text('poison');
    expect(feed.isOpen).toBe(false);
  });

  it('that fails over every frame ends for a fault of ours, and tells the owner of the code that failed, once', async () => {
    const told: unknown[] = [];
    const fault = new Error('a fault of ours');
    await runOwned(
      (error) => told.push(error),
      async () => {
        const { socket, feed } = openFeed(() => {
          throw fault;
        });
        socket.open();
        for (let count = 0; count < 3; count += 1) socket.text('a frame');
        expect(told).toEqual([]);
        for (let count = 0; count < 3; count += 1) socket.text('a frame');
        expect((await feed.ended).reason).toContain('a fault of ours');
      },
    );
    expect(told).toEqual([fault]);
  });

  it('forgives what made no sense a minute ago', async () => {
    const { clock, socket, feed } = openFeed(() => false);
    socket.open();
    for (let count = 0; count < 3; count += 1) socket.text('bad');
    await clock.advance(59_999);
    socket.ping();
    await clock.advance(1);
    for (let count = 0; count < 3; count += 1) socket.text('bad');
    expect(feed.isOpen).toBe(true);
  });

  it('reports nothing of a connection that has ended', async () => {
    const { socket, told, feed } = openFeed();
    socket.open();
    const { listener } = socket;
    feed.end('enough');
    const before = told.length;
    listener.onText('late');
    listener.onUnreadable();
    listener.onHeartbeat();
    listener.onOpen();
    expect(told).toHaveLength(before);
    expect((await feed.ended).reason).toBe('enough');
  });

  it('ends once, whatever comes together, and leaves no timer', async () => {
    const { clock, socket, told, feed } = openFeed();
    socket.open();
    socket.drop('reset');
    feed.end('again');
    await feed.gone;
    expect((await feed.ended).reason).toBe('reset');
    expect(told.filter((word) => word === 'end')).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  it('can be ended before it was ever open', async () => {
    const { clock, socket, feed } = openFeed();
    feed.end('not needed');
    await feed.gone;
    expect(socket.gone).toBe(true);
    expect(clock.pending).toBe(0);
  });
});
