import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cursorPrefix, formatCursor, streamMark } from '../../src/market/cursor.ts';
import type { MarketData } from '../../src/market/marketData.ts';
import type { RecordedLine, RecordingHeader } from '../../src/recording/format.ts';
import { recordedAddress } from '../../src/recording/format.ts';
import { Recording } from '../../src/recording/Recording.ts';
import { RecordingWriter } from '../../src/recording/RecordingWriter.ts';
import { parseTimestamp } from '../../src/market/timestamp.ts';
import { systemClock } from '../../src/shared/clock.ts';

export const HEADER: RecordingHeader = {
  tickgraph: '1.2.3',
  broker: { id: 'mock-binance', kind: 'mock-binance', synthetic: true },
  instruments: [
    {
      symbol: 'BTCUSDT',
      displayName: 'BTC/USDT',
      base: 'BTC',
      quote: 'USDT',
      tickSize: null,
      lotSize: null,
      tradable: true,
    },
  ],
  types: ['tick', 'candle', 'orderbook', 'trade'],
  interval: '1m',
  depth: 1_000,
  startedAt: parseTimestamp('2026-11-23T07:30:00Z'),
};

/** The event as one of a recorded stream. */
export function recorded<Event extends MarketData>(event: Event, sequence: number): Event {
  const place = { broker: HEADER.broker.id, symbol: 'BTCUSDT', sequence };
  const mark = streamMark(recordedAddress(HEADER, 'BTCUSDT', event.type));
  const cursor = formatCursor(cursorPrefix(mark, 'epochOfTests'), sequence);
  const interval = event.type === 'candle' ? { interval: HEADER.interval } : {};
  return { ...event, ...place, ...interval, cursor };
}

/** A folder that is removed when it is disposed of. */
export class TemporaryFolder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<TemporaryFolder> {
    return new TemporaryFolder(await mkdtemp(join(tmpdir(), 'tickgraph-')));
  }

  file(name: string): string {
    return join(this.path, name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true });
  }
}

export async function writeRecording(path: string, lines: readonly RecordedLine[], header = HEADER): Promise<void> {
  const fault = Promise.withResolvers<never>();
  fault.promise.catch(() => undefined);
  const writer = await RecordingWriter.create(header, {
    path,
    replaces: true,
    clock: systemClock,
    onFault: fault.reject,
  });
  for (const line of lines) writer.write(line);
  await writer.close();
}

export async function readRecording(
  path: string,
): Promise<{ readonly recording: Recording; readonly lines: readonly RecordedLine[] }> {
  const recording = await Recording.open(path);
  const lines: RecordedLine[] = [];
  for await (const line of recording.lines()) lines.push(line);
  return { recording, lines };
}
