import { describe, expect, it } from 'vitest';
import type { Feed } from '../../../../src/brokers/BaseBroker.ts';
import type { FakeSocket } from '../../../support/FakeSockets.ts';
import { acknowledge, catalogOf, controlFrames, feedOf, send, startBroker, trade } from './harness.ts';

const MINUTE = 60_000;
const TRADES = feedOf('BTCUSDT', 'trade');
const STREAM = 'btcusdt@trade';
const OTHERS: readonly Feed[] = Array.from({ length: 800 }, (_, at) => feedOf(`S${at}`, 'tick'));

/** Names that are subscribed on a socket. */
function subscribed(socket: FakeSocket): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { method, params } of controlFrames(socket)) {
    for (const name of params)
      if (method === 'SUBSCRIBE') names.add(name);
      else names.delete(name);
  }
  return names;
}

/** 800 streams on a first socket, and a stream of trades on a second. */
async function startTwo() {
  const harness = startBroker();
  const { clock, sockets, want } = harness;
  harness.rest.catalog = () => Promise.resolve(catalogOf('BTCUSDT', ...OTHERS.map(({ symbol }) => symbol)));
  want(...OTHERS, TRADES);
  harness.broker.start();
  await clock.advance(0);
  const [first, second] = sockets.all;
  if (first === undefined || second === undefined) throw new Error('two sockets');
  first.open();
  second.open();
  const answer = async (): Promise<void> => {
    for (let step = 0; step < 20; step += 1) {
      await clock.advance(200);
      for (const socket of sockets.alive) {
        acknowledge(socket);
        socket.ping();
      }
    }
  };
  await answer();
  let id = 0;
  const isHeld = new Set<FakeSocket>();
  return {
    ...harness,
    first,
    second,
    answer,
    /** The venue answers nothing over this socket. */
    hold: (socket: FakeSocket): void => void isHeld.add(socket),
    /** Each second a trade, over every socket that is subscribed. */
    deals: async (seconds: number): Promise<void> => {
      for (let passed = 0; passed < seconds; passed += 1) {
        id += 1;
        for (const socket of sockets.alive) {
          socket.ping();
          if (!isHeld.has(socket)) acknowledge(socket);
          if (subscribed(socket).has(STREAM)) send(socket, STREAM, trade(id, clock.now()));
        }
        await clock.advance(1_000);
      }
    },
    kinds: () => harness.conditions(TRADES).map(({ kind }) => kind),
    ids: () => harness.events(TRADES).map((event) => (event.type === 'trade' ? Number(event.tradeId) : 0)),
  };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at + 1);

describe('streams on more sockets than they need', () => {
  it('move to another one, which delivers before the one that they leave is closed; nothing is lost or comes twice', async () => {
    const scene = await startTwo();
    await scene.deals(5);
    scene.want(...OTHERS.slice(0, 10), TRADES);
    await scene.deals(29);
    scene.hold(scene.first);
    await scene.deals(2);
    // Asked for on the new one, and not acknowledged: the old one still serves.
    expect(subscribed(scene.first)).toContain(STREAM);
    expect(subscribed(scene.second)).toContain(STREAM);
    expect(scene.second.gone).toBe(false);
    acknowledge(scene.first);
    await scene.deals(2);
    expect(scene.second.gone).toBe(true);
    await scene.deals(5);
    expect(scene.ids()).toEqual(upTo(43));
    expect(scene.kinds()).toEqual(['recovering', 'live']);
    expect(scene.sockets.all).toHaveLength(2);
  });

  it('stay if they would only just fit, or are needed again soon', async () => {
    const scene = await startTwo();
    scene.want(...OTHERS.slice(0, 700), TRADES);
    await scene.deals(120);
    expect(scene.sockets.alive).toHaveLength(2);
    scene.want(...OTHERS.slice(0, 10), TRADES);
    await scene.deals(20);
    scene.want(...OTHERS.slice(0, 700), TRADES);
    await scene.deals(60);
    expect(subscribed(scene.first)).not.toContain(STREAM);
    expect(scene.sockets.alive).toHaveLength(2);
  });

  it('are not interrupted if the one that they leave is lost in the midst of the move', async () => {
    const scene = await startTwo();
    await scene.deals(5);
    scene.want(...OTHERS.slice(0, 10), TRADES);
    await scene.deals(30);
    await scene.clock.advance(100);
    acknowledge(scene.first);
    scene.second.drop();
    await scene.deals(10);
    expect(scene.ids()).toEqual(upTo(45));
    expect(scene.kinds()).toEqual(['recovering', 'live']);
    expect(scene.sockets.alive).toHaveLength(1);
  });

  it('are not interrupted if the one that they move to is lost in the midst of the move', async () => {
    const scene = await startTwo();
    await scene.deals(5);
    scene.want(...OTHERS.slice(0, 10), TRADES);
    await scene.deals(29);
    scene.hold(scene.first);
    await scene.deals(2);
    scene.first.drop();
    await scene.deals(10);
    expect(scene.ids()).toEqual(upTo(46));
    expect(scene.kinds()).toEqual(['recovering', 'live']);
    scene.sockets.last.open();
    await scene.answer();
    await scene.deals(3);
    expect(scene.second.gone).toBe(true);
    expect(scene.ids()).toEqual(upTo(49));
  });

  it('are told when both are lost, and are live again with the first that comes back', async () => {
    const scene = await startTwo();
    await scene.deals(5);
    scene.want(...OTHERS.slice(0, 10), TRADES);
    await scene.deals(30);
    await scene.clock.advance(100);
    acknowledge(scene.first);
    scene.second.drop();
    scene.first.drop();
    await scene.clock.advance(0);
    expect(scene.kinds().at(-1)).toBe('recovering');
    await scene.clock.advance(2_000);
    scene.sockets.last.open();
    await scene.answer();
    expect(scene.kinds().at(-1)).toBe('live');
  });

  it('stay where they are if they do not come over the other one, and try again later', async () => {
    const scene = await startTwo();
    const asked = (): number =>
      scene.sockets.all
        .filter((socket) => socket !== scene.second)
        .flatMap(controlFrames)
        .filter(({ method, params }) => method === 'SUBSCRIBE' && params.includes(STREAM)).length;
    scene.want(...OTHERS.slice(0, 10), TRADES);
    await scene.deals(29);
    scene.hold(scene.first);
    await scene.deals(70);
    expect(scene.second.gone).toBe(false);
    expect(scene.kinds()).toEqual(['recovering', 'live']);
    const before = asked();
    expect(before).toBeGreaterThan(0);
    for (let tries = 0; tries < 60 && !scene.second.gone; tries += 1) {
      if (!scene.sockets.last.gone && scene.sockets.last !== scene.second) scene.sockets.last.open();
      await scene.deals(1);
    }
    expect(scene.second.gone).toBe(true);
    expect(scene.ids()).toEqual(upTo(scene.ids().length));
  });

  it('leave no timer behind if all of it is closed in the midst of a move', async () => {
    const scene = await startTwo();
    scene.want(...OTHERS.slice(0, 10), TRADES);
    await scene.deals(31);
    await scene.broker.close();
    await scene.clock.advance(MINUTE);
    expect(scene.clock.pending).toBe(0);
  });
});
