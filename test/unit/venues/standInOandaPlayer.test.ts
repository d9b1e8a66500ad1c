import { describe, expect, it } from 'vitest';
import { hasRecordings } from '../../support/recordings.ts';
import { DEFAULT_ACCOUNTS } from '../../venues/oanda/accounts.ts';
import { LineClient } from '../../venues/oanda/LineClient.ts';
import { SamplePlayer } from '../../venues/oanda/SamplePlayer.ts';
import { StandInOanda } from '../../venues/oanda/StandInOanda.ts';

const [FIRST, SECOND] = DEFAULT_ACCOUNTS;
const SAMPLES = [
  'oanda/stream-2016-EUR_USD-EUR_JPY.ndjson',
  'oanda/stream-2017-EUR_USD-EUR_JPY-float-liquidity.ndjson',
  'oanda/stream-2019-two-lines-trailing-crlf.ndjson',
];

describe.skipIf(!hasRecordings)('playing a recorded stream', () => {
  it.each(SAMPLES)('gives %s byte for byte and nothing else, wherever it is cut', async (path) => {
    await using venue = await StandInOanda.start({ heartbeatMs: 1000 });
    const player = new SamplePlayer(venue, path);
    using client = await LineClient.open(venue, { instruments: player.instruments.join(',') });
    await venue.waitForStream(FIRST.id, player.instruments);
    const cuts = [1, 2, 77, 400, player.bytes.length - 1];
    await player.play({ cuts });
    await client.waitForLines(player.lines.length);
    expect(client.lines).toEqual(player.lines);
    expect(Buffer.concat(client.chunks)).toEqual(player.bytes);
    expect(client.chunks.map(({ length }) => length)).toEqual([1, 1, 75, 323, player.bytes.length - 401, 1]);
    expect(player.ended).toBe(true);
    player.rewind();
    await player.play();
    await client.waitForLines(2 * player.lines.length);
    expect(client.chunks.slice(6, 8).every((chunk) => chunk.toString().endsWith('\n'))).toBe(true);
  });

  it('can stop in the middle of a line and go on, without heartbeats or prices in between', async () => {
    await using venue = await StandInOanda.start({ heartbeatMs: 1, windowMs: 0 });
    const player = new SamplePlayer(venue, SAMPLES[0] ?? '');
    using client = await LineClient.open(venue, { instruments: player.instruments.join(','), query: 'snapshot=false' });
    const stream = await venue.waitForStream(FIRST.id);
    {
      using _hold = stream.hold();
      await player.play({ until: 500 });
      venue.market('EUR_USD').tick();
      expect(player.ended).toBe(false);
      await player.play({ cuts: Array.from(player.bytes.keys()) });
    }
    const lines = await client.waitForPrices(4);
    expect(client.text).toContain(player.bytes.toString());
    expect(lines.slice(0, 3)).toEqual(player.lines.filter((line) => line.includes('instrument')));
    expect(player.pricesOf('EUR_JPY')).toHaveLength(2);
    await client.waitForLines(20);
  });

  it('leaves its instruments without a price of the stand-in, and REST with the last price that was played', async () => {
    await using venue = await StandInOanda.start({ limits: { connectionsPerSecond: 100 } });
    const player = new SamplePlayer(venue, SAMPLES[1] ?? '');
    expect(venue.lastPrice(FIRST.id, 'EUR_USD')).toBeNull();
    using mine = await LineClient.open(venue, { instruments: 'EUR_USD' });
    using theirs = await LineClient.open(venue, { instruments: 'EUR_USD', accountId: SECOND.id });
    await player.play({ accountId: FIRST.id });
    await mine.waitForLines(4);
    expect([mine.lines, theirs.lines]).toEqual([player.lines, []]);
    expect(venue.lastPrice(FIRST.id, 'EUR_USD')?.bids[0]).toEqual({ price: '1.05514', liquidity: 10_000_000 });
    expect(venue.lastPrice(SECOND.id, 'EUR_USD')).toBeNull();
  });
});
