import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { constants, createGunzip } from 'node:zlib';
import type { StreamStart } from '../market/cursor.ts';
import { parseCursor } from '../market/cursor.ts';
import { streamKey } from '../market/marketData.ts';
import type { MarketData, StreamKey } from '../market/marketData.ts';
import type { Timestamp } from '../market/timestamp.ts';
import { parseHeader, parseLine, recordedAddress, RecordingFault } from './format.ts';
import type { RecordedLine, RecordingHeader } from './format.ts';

/** The facts that were found in a recording when it was read through. */
export interface RecordingSummary {
  readonly events: number;
  /** The time of receipt of the last event; null if there is none. */
  readonly endedAt: Timestamp | null;
  /** The number before the first event of each stream that has one. */
  readonly starts: ReadonlyMap<StreamKey, StreamStart>;
  readonly epochs: ReadonlySet<string>;
  /** Why not all of the file can be read, as a sentence; null if it can. What comes before the damage can be. */
  readonly damage: string | null;
}

const CUT_OFF = 'It ends in the middle: the recorder was killed, or not all of the file is here.';
const DAMAGED = 'It is damaged in the middle.';
const UNREADABLE = 'The file of the recording can not be read any more.';

/** A recording in a file. */
export class Recording {
  readonly path: string;
  readonly header: RecordingHeader;
  readonly summary: RecordingSummary;

  private constructor(path: string, header: RecordingHeader, summary: RecordingSummary) {
    this.path = path;
    this.header = header;
    this.summary = summary;
  }

  /** Reads the file through once. Rejects with a RecordingFault if it is no recording, and if it can't be read at all. */
  static async open(path: string): Promise<Recording> {
    const starts = new Map<StreamKey, StreamStart>();
    const epochs = new Set<string>();
    let events = 0;
    const last: { at: Timestamp | null } = { at: null };
    let damage: string | null = CUT_OFF;
    let header: RecordingHeader | null = null;
    try {
      for await (const text of textLines(path)) {
        if (header === null) {
          header = parseHeader(text);
          continue;
        }
        const line = parseLine(header, text);
        if (line === null) {
          damage = DAMAGED;
          break;
        }
        if (line.type === 'end') {
          damage = null;
          break;
        }
        if (line.type === 'raw' || line.type === 'outage') continue;
        events += 1;
        // Trades that were fetched afterwards have an earlier time.
        if (last.at === null || line.receivedAt > last.at) last.at = line.receivedAt;
        const epoch = parseCursor(line.cursor)?.epoch ?? '';
        epochs.add(epoch);
        const key = keyOfEvent(header, line);
        if (!starts.has(key)) starts.set(key, { epoch, sequence: line.sequence - 1 });
      }
    } catch (error) {
      if (!isDamage(error)) throw error;
      if (header === null) throw new RecordingFault('It is no recording of tickgraph.');
      damage = DAMAGED;
    }
    if (header === null) throw new RecordingFault('It is empty, or no recording of tickgraph.');
    return new Recording(path, header, { events, endedAt: last.at, starts, epochs, damage });
  }

  /** The lines behind the first, up to the end or the damage. Throws a RecordingFault if the file can't be read any more. */
  async *lines(): AsyncGenerator<RecordedLine> {
    let isFirst = true;
    try {
      for await (const text of textLines(this.path)) {
        const line = isFirst ? undefined : parseLine(this.header, text);
        isFirst = false;
        if (line === null) return;
        if (line !== undefined) yield line;
      }
    } catch (error) {
      if (!isDamage(error)) throw new RecordingFault(UNREADABLE, { cause: error });
    }
  }
}

/** The key of the stream that an event is in. */
export function keyOfEvent(header: RecordingHeader, { symbol, type }: Pick<MarketData, 'symbol' | 'type'>): StreamKey {
  return streamKey(recordedAddress(header, symbol, type));
}

/** A piece of a line at the end, which has no line feed, is left out. */
async function* textLines(path: string): AsyncGenerator<string> {
  // The lines that were written before the recorder was killed can be read.
  const gunzip = createGunzip({ finishFlush: constants.Z_SYNC_FLUSH });
  const file = createReadStream(path);
  pipeline(file, gunzip, () => undefined);
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of gunzip) {
    const pieces = (rest + decoder.write(toBuffer(chunk))).split('\n');
    rest = pieces.pop() ?? '';
    yield* pieces;
  }
}

function toBuffer(chunk: unknown): Buffer {
  return Buffer.isBuffer(chunk) ? chunk : Buffer.alloc(0);
}

/** The file itself can be read, but not as what it should be. */
function isDamage(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('Z_');
}
