import { EVENT_STREAM, MULTIPART, MULTIPART_GRAPHQL } from '../../fanout/frames/streamFraming.ts';
import type { StreamFraming } from '../../fanout/frames/streamFraming.ts';

/** The answers that a client takes, as its Accept header has them. */
export interface AcceptedAnswers {
  /** How the results of a subscription are sent; null: the client takes no stream that is sent here. */
  readonly stream: StreamFraming | null;
  /** Whether the client takes a single result as JSON. */
  readonly json: boolean;
}

/** One media range of the header (RFC 9110, 12.5.1). */
interface MediaRange {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const JSON_TYPES: ReadonlySet<string> = new Set([
  'application/json',
  'application/graphql-response+json',
  'application/*',
  '*/*',
]);
const EVENT_TYPES: ReadonlySet<string> = new Set(['text/event-stream', 'text/*', '*/*']);

/**
 * Reads the Accept header. Of several kinds of streams the client gets the one that it likes best, or else named first;
 * one that it names goes before a wildcard.
 */
export function acceptedAnswers(accept: string): AcceptedAnswers {
  const ranges = accept.replaceAll(/\s/g, '').toLowerCase().split(',').map(rangeOf).filter(isWanted);
  const streams = ranges
    .map((range) => ({ framing: framingOf(range), rank: qualityOf(range) - (range.type.includes('*') ? 1 : 0) }))
    .filter(({ framing }) => framing !== null)
    .toSorted((one, other) => other.rank - one.rank);
  return { stream: streams[0]?.framing ?? null, json: ranges.some(({ type }) => JSON_TYPES.has(type)) };
}

function rangeOf(text: string): MediaRange {
  const [type = '', ...parameters] = text.split(';');
  const pairs = parameters.map((parameter): [string, string] => {
    const [name = '', value = ''] = parameter.split('=', 2);
    return [name, value.replaceAll(/^["']|["']$/g, '')];
  });
  return { type, parameters: new Map(pairs) };
}

function isWanted(range: MediaRange): boolean {
  return qualityOf(range) > 0;
}

function qualityOf({ parameters }: MediaRange): number {
  const quality = Number(parameters.get('q') ?? 1);
  return Number.isNaN(quality) ? 1 : quality;
}

/** Multipart without the version of the protocol asks for incremental delivery, which is another thing. */
function framingOf({ type, parameters }: MediaRange): StreamFraming | null {
  if (EVENT_TYPES.has(type)) return EVENT_STREAM;
  if (type !== 'multipart/mixed' || parameters.get('subscriptionspec') !== '1.0') return null;
  return parameters.get('boundary') === 'graphql' ? MULTIPART_GRAPHQL : MULTIPART;
}
