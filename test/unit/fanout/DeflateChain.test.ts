import type { Writable } from 'node:stream';
import { createInflateRaw } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as ws from 'ws';
import { DeflateChain } from '../../../src/fanout/frames/DeflateChain.ts';
import { nextFrames, textFrames } from '../../../src/fanout/frames/framing.ts';
import { books, trades } from '../../support/marketPayloads.ts';
import { DeflateClient, payloadOf } from '../../support/DeflateClient.ts';

type Read = (frames: readonly Buffer[]) => Promise<string[]>;

/** Inflates all messages of a connection with one inflater, as RFC 7692 (7.2.2) says, after taking the frames apart. */
const inflateAll: Read = async (frames) => {
  const inflate = createInflateRaw();
  const messages: string[] = [];
  let chunks: Buffer[] = [];
  inflate.on('data', (chunk: Buffer) => chunks.push(chunk));
  for (const frame of frames) {
    const length = frame.readUInt8(1);
    const at = length < 126 ? 2 : length === 126 ? 4 : 10;
    const claimed = at === 2 ? length : at === 4 ? frame.readUInt16BE(2) : Number(frame.readBigUInt64BE(2));
    expect(claimed).toBe(frame.length - at);
    if (frame[0] === 0x81) {
      messages.push(frame.toString('utf8', at));
      continue;
    }
    expect(frame[0]).toBe(0xc1);
    inflate.write(frame.subarray(at));
    inflate.write(Buffer.from([0, 0, 0xff, 0xff]));
    await new Promise<void>((resolve) => {
      inflate.flush(resolve);
    });
    messages.push(Buffer.concat(chunks).toString('utf8'));
    chunks = [];
  }
  inflate.close();
  return messages;
};

interface Extension {
  accept(offers: object[]): void;
  cleanup(): void;
}
/** The types of ws leave these classes out. */
const { Receiver, PerMessageDeflate } = ws as unknown as {
  readonly Receiver: new (options: object) => Writable;
  readonly PerMessageDeflate: new (options: object) => Extension;
};

const receiveAll: Read = async (frames) => {
  const extension = new PerMessageDeflate({ isServer: false });
  extension.accept([{}]);
  const receiver = new Receiver({ isServer: false, extensions: { 'permessage-deflate': extension } });
  const messages: string[] = [];
  receiver.on('message', (data: Buffer) => messages.push(data.toString('utf8')));
  for (const frame of frames) {
    await new Promise<void>((resolve, reject) => {
      receiver.write(frame, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  }
  extension.cleanup();
  return messages;
};

const json = (text: string): string => JSON.stringify(text);
/** Printable text that does not compress well. */
const noise = fc.tuple(fc.nat(70_000), fc.nat()).map(([length, seed]) => {
  let state = seed;
  const next = (): number => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0) >>> 24;
  return json(String.fromCodePoint(...Array.from({ length }, () => 0x20 + (next() % 200))));
});
const [someTrades, someBooks] = [trades(50), books(50)];
const payloads = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...someTrades) },
  { weight: 4, arbitrary: fc.constantFrom(...someBooks) },
  { weight: 2, arbitrary: fc.oneof(fc.json(), fc.string({ unit: 'binary' }).map(json), fc.constant('')) },
  { weight: 1, arbitrary: noise },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom('é', '漢字', '{"price":"1.5"},'), fc.nat(70_000)).map(([unit, length]) => {
      return json(unit.repeat(length / Buffer.byteLength(unit)));
    }),
  },
);
const ids = fc.oneof(
  { weight: 2, arbitrary: fc.constant(null) },
  { weight: 2, arbitrary: fc.constantFrom(json('1'), json('12'), json('é')) },
  { weight: 2, arbitrary: fc.uuid().map(json) },
  { weight: 1, arbitrary: fc.nat(600).map((length) => json('i'.repeat(length))) },
);
/** The ids of each client in both groups. */
const clients = fc.array(fc.tuple(fc.array(ids, { minLength: 1, maxLength: 2 }), fc.array(ids, { maxLength: 2 })), {
  minLength: 1,
  maxLength: 4,
});
const steps = fc.array(
  fc.record({
    group: fc.constantFrom(0, 0, 0, 0, 1),
    payload: payloads,
    /** What happens to the message at each client. */
    fates: fc.array(fc.constantFrom(...Array<'compressed'>(6).fill('compressed'), 'missed', 'plain'), {
      minLength: 4,
      maxLength: 4,
    }),
  }),
  { maxLength: 20, size: 'max' },
);

describe('DeflateChain', () => {
  it('lets every client read exactly what it was sent, whatever it missed and whatever came in between', async () => {
    let linked = 0;
    await fc.assert(
      fc.asyncProperty(clients, steps, async (idsOfClients, events) => {
        const chains = [new DeflateChain(), new DeflateChain()] as const;
        const peers = idsOfClients.map((groups) => ({ groups, client: new DeflateClient(), frames: [] as Buffer[] }));
        for (const { group, payload, fates } of events) {
          const message = chains[group === 0 ? 0 : 1].next(Buffer.from(payload));
          for (const [at, { groups, client, frames }] of peers.entries()) {
            for (const id of groups[group === 0 ? 0 : 1]) {
              if (fates[at] === 'compressed') frames.push(client.compressed(message, id, payload));
              else if (fates[at] === 'plain') frames.push(client.plain(payload, id));
            }
          }
        }
        for (const { client, frames } of peers) {
          expect(await inflateAll(frames)).toEqual(client.sent);
          expect(await receiveAll(frames)).toEqual(client.sent);
          linked += client.linked;
        }
      }),
    );
    expect(linked).toBeGreaterThan(100);
  });

  it('links to the same bytes for all ids of one length, and makes them once', async () => {
    const chain = new DeflateChain();
    const [first, second] = [chain.next(Buffer.from('{"a":1}')), chain.next(Buffer.from('{"a":2}'))];
    const [a, b] = [new DeflateClient(), new DeflateClient()];
    const frames = [a, b].map((client, at) =>
      [first, second].map((message, n) => client.compressed(message, json(`id-${at}`), `{"a":${n + 1}}`)),
    );
    expect(frames[0]?.[1]).toBe(frames[1]?.[1]);
    expect(await inflateAll(frames[0] ?? [])).toEqual(a.sent);
    expect(await inflateAll(frames[1] ?? [])).toEqual(b.sent);
    expect(a.sent[1]).toBe('{"id":"id-0","type":"next","payload":{"a":2}}');
  });

  it('links to no byte of an id, because ids differ between clients', async () => {
    const printable = Array.from({ length: 95 }, (_, at) => String.fromCodePoint(0x20 + at));
    const chain = new DeflateChain();
    const client = new DeflateClient();
    const frames = ['0', json(printable.map((character) => character.repeat(8)).join(''))].map((payload) =>
      client.compressed(chain.next(Buffer.from(payload)), json('~'.repeat(36)), payload),
    );
    expect(client.linked).toBe(1);
    expect(await inflateAll(frames)).toEqual(client.sent);
  });

  it('gives each client that asks for a fresh frame a frame of its own', () => {
    const message = new DeflateChain().next(Buffer.from('{}'));
    expect(message.fresh(3)?.frame).not.toBe(message.fresh(3)?.frame);
    expect(message.fresh(null)?.frame).not.toBe(message.fresh(null)?.frame);
  });

  it('links to nothing if there is no previous message', () => {
    const chain = new DeflateChain();
    const first = chain.next(Buffer.from('{}'));
    expect([first.follows, first.linked(3), first.linked(null)]).toEqual([null, null, null]);
    expect(chain.next(Buffer.from('{}')).follows).toBe(first.mark);
  });

  it('does not compress once for each length of the clients’ ids', () => {
    const chain = new DeflateChain();
    chain.next(Buffer.from('{"a":1}'));
    const message = chain.next(Buffer.from('{"a":2}'));
    const frames = Array.from({ length: 100 }, (_, at) => message.linked(at + 2));
    expect(frames.filter((frame) => frame !== null)).toHaveLength(8);
    expect(message.linked(2)).toBe(frames[0]);
  });

  it.each([0, 1])('links to an id as far back as the window reaches: %i byte farther', async (beyond) => {
    const id = json('x');
    const around = Buffer.byteLength(`{"id":${id},"type":"next","payload":}`);
    const [before, after] = [json('b'.repeat(32_768 - around - 2 + beyond)), json('a')];
    const chain = new DeflateChain();
    const client = new DeflateClient();
    const frames = [before, after].map((payload) => client.compressed(chain.next(Buffer.from(payload)), id, payload));
    expect(client.linked).toBe(1 - beyond);
    expect(await inflateAll(frames)).toEqual(client.sent);
  });

  it('has no frame for an id that is longer than a stored block, but has one for the longest that fits', async () => {
    const message = new DeflateChain().next(Buffer.from('{}'));
    const longest = 65_535 - Buffer.byteLength('{"id":,"type":"next","payload":');
    expect(message.fresh(longest + 1)).toBeNull();
    const client = new DeflateClient();
    expect(await inflateAll([client.compressed(message, json('x'.repeat(longest - 2)), '{}')])).toEqual(client.sent);
  });

  it.each([
    { what: 'a trade', payloadTexts: trades(200), share: 0.2 },
    { what: 'a book of 20 levels', payloadTexts: books(200), share: 0.1 },
  ])('sends $what to a client in step in less than $share of the plain bytes', ({ payloadTexts, share }) => {
    const chain = new DeflateChain();
    const id = Buffer.from(json('5f0c6ef6-3a55-4c0a-9b0c-3d2f2a1f7e11'));
    const payloadBytes = payloadTexts.map((payload) => Buffer.from(payload));
    const sizes = payloadBytes.map((payload) => chain.next(payload).linked(id.length)?.length ?? 0).slice(1);
    const sizesRaw = payloadBytes.map((payload) => chain.next(payload).linked(null)?.length ?? 0).slice(1);
    const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
    const plain = payloadBytes.slice(1).map((bytes) => payloadOf(bytes.toString()));
    expect(sum(sizes)).toBeLessThan(share * nextFrames(id.length, plain).bytes.length);
    expect(sum(sizesRaw)).toBeLessThan(share * textFrames(plain).length);
  });
});
