import { z } from 'zod';
import { assertNever } from '../../../src/shared/errors.ts';
import { recordingLines } from '../../support/recordings.ts';
import { parseStream } from './streamNames.ts';

/** A message of a stream, with its payload's text as it was received. */
export interface RecordedMessage {
  readonly kind: 'message';
  readonly atSeconds: number | null;
  readonly stream: string;
  readonly payload: string;
}

/** The reply to a request for a symbol's book, in its place among the messages. */
export interface RecordedSnapshot {
  readonly kind: 'snapshot';
  readonly atSeconds: number | null;
  readonly symbol: string;
  readonly body: string;
}

type RecordedStep = RecordedMessage | RecordedSnapshot;

export interface Recording {
  /** The streams as the recorder's connections named them. */
  readonly streams: readonly string[];
  /** The symbols in upper case. */
  readonly symbols: readonly string[];
  readonly steps: readonly RecordedStep[];
}

const Line = z.discriminatedUnion('k', [
  z.object({ k: z.literal('connect'), url: z.string() }),
  z.object({ k: z.literal('rest'), t: z.number().nullable(), url: z.string(), raw: z.string() }),
  z.object({ k: z.literal('ws'), t: z.number().nullable(), raw: z.string() }),
]);
type Line = z.infer<typeof Line>;
const WRAPPED = /^\{"stream":"([^"]+)","data":(.*)\}$/s;

/** Reads `session-*.jsonl` and `stream-*.jsonl` of the recordings' folder. */
export function readRecording(path: string): Recording {
  const lines = recordingLines(path).map((line) => Line.parse(line));
  const streams = new Set(lines.flatMap((line) => (line.k === 'connect' ? streamsOf(line.url) : [])));
  const steps = lines.flatMap((line) => stepOf(line, streams));
  for (const step of steps) if (step.kind === 'message') streams.add(step.stream);
  const symbols = new Set(
    [...streams].map((stream) => parseStream(stream)?.symbol).filter((symbol) => symbol !== undefined),
  );
  return { streams: [...streams], symbols: [...symbols], steps };
}

function stepOf(line: Line, streams: ReadonlySet<string>): RecordedStep[] {
  switch (line.k) {
    case 'connect':
      return [];
    case 'rest': {
      const url = new URL(line.url);
      const symbol = url.searchParams.get('symbol');
      if (!url.pathname.endsWith('/depth') || symbol === null) return [];
      return [{ kind: 'snapshot', atSeconds: line.t, symbol, body: line.raw }];
    }
    case 'ws': {
      const [, wrapped, data] = WRAPPED.exec(line.raw) ?? [];
      // An unwrapped payload does not name its stream, so its connection had only one.
      const stream = wrapped ?? [...streams][0];
      if (stream === undefined) throw new Error('a payload without a wrapper, and no connection that names its stream');
      return [{ kind: 'message', atSeconds: line.t, stream, payload: data ?? line.raw }];
    }
    default:
      return assertNever(line);
  }
}

function streamsOf(url: string): string[] {
  const { pathname, searchParams } = new URL(url);
  const list = pathname === '/stream' ? searchParams.get('streams') : pathname.replace(/^\/ws\/?/, '');
  return (list ?? '').split('/').filter((name) => name !== '');
}
