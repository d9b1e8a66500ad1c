import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { FeedAuditor } from '../support/FeedAuditor.ts';
import { GatewayProcess } from '../support/GatewayProcess.ts';
import { residentBytes } from '../support/metricOf.ts';
import { waitFor } from '../support/waitFor.ts';
import { StandInBinance } from '../venues/binance/StandInBinance.ts';

// These tests need a real process, because they measure its memory.

const MIB = 1_048_576;
const FEED = { broker: 'binance', symbol: 'BTCUSDT', types: ['tick', 'trade'] } as const;

const TEXT = 0x1;
const CONTINUATION = 0x0;
const FIN = 0x80;
const COMPRESSED = 0x40;

/** A frame of a server, which is not masked. */
function frame(first: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(10);
  header.writeUInt8(first, 0);
  header.writeUInt8(127, 1);
  header.writeBigUInt64BE(BigInt(payload.length), 2);
  return Buffer.concat([header, payload]);
}

const large = Buffer.alloc(50 * MIB, 'x');
const part = large.subarray(0, MIB);

const FRAMES = [
  ['one frame of 50 MiB', frame(FIN | TEXT, large)],
  [
    'a message of 50 MiB in frames of one',
    Buffer.concat([frame(TEXT, part), ...Array.from({ length: 49 }, () => frame(CONTINUATION, part))]),
  ],
  [
    '50 MiB that are deflated to 50 KiB, though compression was not agreed',
    frame(FIN | TEXT | COMPRESSED, deflateRawSync(large)),
  ],
] as const;

async function gatewayOf(
  venue: StandInBinance,
): Promise<GatewayProcess & { readonly urls: { raw: string; graphql: string; http: string } }> {
  const gateway = new GatewayProcess({
    env: {
      HOST: '127.0.0.1',
      PORT: '0',
      TICKGRAPH_BROKERS__OANDA: 'null',
      TICKGRAPH_BROKERS__BINANCE__WEBSOCKET_URL: venue.websocketUrl,
      TICKGRAPH_BROKERS__BINANCE__REST_URL: venue.restUrl,
      TICKGRAPH_FEEDS__RECONNECT__BASE_MS: '100',
      TICKGRAPH_FEEDS__RECONNECT__MAX_MS: '1000',
    },
  });
  const http = await gateway.listening();
  const urls = { http, raw: `${http}/ws`, graphql: `${http}/graphql` };
  return Object.assign(gateway, { urls });
}

describe('a venue that sends what is too large', () => {
  it('costs little memory, and subscribers are told, miss nothing, and are live again within seconds', async () => {
    await using venue = await StandInBinance.start();
    await using gateway = await gatewayOf(venue);
    await using raw = await FeedAuditor.raw(gateway, FEED);
    await using graphql = await FeedAuditor.graphql(gateway, FEED);
    const auditors = [raw, graphql];
    using _traffic = venue.run({ everyMs: 20 });
    const areLive = (): boolean => auditors.every(({ state }) => state === 'live');
    await waitFor(areLive, 'live feeds');
    const http = gateway.urls.http;
    let most = 0;
    const send = async ([name, bytes]: (typeof FRAMES)[number]): Promise<void> => {
      const [handshakes, told] = [venue.handshakes, auditors.map(({ states }) => states.length)];
      const isTold = (): boolean => auditors.every(({ states }, at) => states.length > (told[at] ?? 0));
      const began = performance.now();
      venue.faults.malformedFrame(bytes);
      await waitFor(() => venue.handshakes > handshakes && isTold() && areLive(), `live feeds after ${name}`);
      expect(performance.now() - began).toBeLessThan(3_000);
      most = Math.max(most, await residentBytes(http));
    };
    // A process that has just started still grows.
    for (const each of FRAMES) await send(each);
    const before = await residentBytes(http);
    for (const each of [...FRAMES, ...FRAMES, ...FRAMES]) await send(each);
    expect(most - before).toBeLessThan(40 * MIB);
    for (const auditor of auditors) {
      auditor.check();
      expect(auditor.states).not.toContain('gap');
    }
  });

  it('first of all over each connection is left alone for longer and longer, and served as soon as it has better', async () => {
    await using venue = await StandInBinance.start();
    await using gateway = await gatewayOf(venue);
    await using auditor = await FeedAuditor.raw(gateway, FEED);
    let sent = 0;
    const end = performance.now() + 3_000;
    await waitFor(() => {
      if (venue.sockets.some(({ open }) => open) && sent < venue.handshakes) {
        sent = venue.handshakes;
        venue.faults.malformedFrame(FRAMES[0][1]);
      }
      return performance.now() > end;
    });
    expect(sent).toBeGreaterThan(2);
    // With the shortest delay each time there would be some fifty.
    expect(sent).toBeLessThan(20);
    expect(auditor.state).toBe('recovering');
    using _traffic = venue.run({ everyMs: 20 });
    await waitFor(() => auditor.state === 'live', 'a live feed', 3_000);
    auditor.check();
  });
});
