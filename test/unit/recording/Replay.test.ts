import { expect, it } from 'vitest';
import type { StreamReceiver } from '../../../src/bus/EventBus.ts';
import { streamKey } from '../../../src/market/marketData.ts';
import { fromEpochMs, toEpochMs } from '../../../src/market/timestamp.ts';
import { recordedAddress } from '../../../src/recording/format.ts';
import { Recording } from '../../../src/recording/Recording.ts';
import { Replay } from '../../../src/recording/Replay.ts';
import { trade } from '../../support/events.ts';
import { FakeClock } from '../../support/FakeClock.ts';
import { HEADER, recorded, TemporaryFolder, writeRecording } from '../../support/recordingFiles.ts';

const STEP_MS = 50;

/** When each of three trades is played that were received 10 and 50 seconds after each other, from the first one on. */
async function timesAt(speed: number): Promise<readonly number[]> {
  await using folder = await TemporaryFolder.make();
  const path = folder.file('a.gz');
  const lines = [0, 10, 60].map((seconds, index) => ({
    ...recorded(trade(index + 1), index + 1),
    receivedAt: fromEpochMs(toEpochMs(HEADER.startedAt) + seconds * 1_000),
  }));
  await writeRecording(path, lines);
  const clock = new FakeClock();
  const played: number[] = [];
  const receiver: StreamReceiver = {
    receive: () => ({
      publish: ({ type }) => type === 'trade' && played.push(clock.monotonic()),
      reset: () => undefined,
      [Symbol.dispose]: () => undefined,
    }),
    known: () => [],
  };
  const replay = new Replay({ recording: await Recording.open(path), speed, loops: false, clock });
  replay.open(receiver);
  replay.want(streamKey(recordedAddress(HEADER, 'BTCUSDT', 'trade')));
  await clock.advanceUntil(STEP_MS, () => played.length === lines.length, 'the last trade');
  await replay.close();
  expect(clock.pending).toBe(0);
  return played.map((at) => at - (played[0] ?? 0));
}

it('a replay keeps the times between events, or makes them so many times as short', async () => {
  expect(await timesAt(1)).toEqual([0, 10_000, 60_000]);
  expect(await timesAt(10)).toEqual([0, 1_000, 6_000]);
  expect(await timesAt(Infinity)).toEqual([0, 0, 0]);
});
