/** How one result is written. */
export interface ResultFraming {
  /** A result, which is JSON on one line. */
  result(text: string): string;
}

/** The beginning of an event, behind which more of its lines or its end may follow. */
export const EVENT_BEGINNING: ResultFraming = { result: (text) => `event: next\ndata: ${text}\n` };

/**
 * How the results of a subscription are written into the answer to an HTTP request. Every text may be sent to many
 * clients. Framings are compared by identity.
 */
export interface StreamFraming extends ResultFraming {
  readonly contentType: string;
  /** Written before anything else, and at once: some clients don't report that they are connected before the first byte. */
  readonly start: string;
  /** Shows clients and proxies that the stream is alive. */
  readonly heartbeat: string;
  /** Written after the last result. */
  readonly end: string;
  /** The errors (a JSON list) because of which the stream ends. */
  failure(errors: string): string;
}

/** Server-sent events (HTML Living Standard, 9.2) in the way of graphql-sse: `next` for each result, then `complete`. */
export const EVENT_STREAM: StreamFraming = {
  contentType: 'text/event-stream; charset=utf-8',
  start: ':\n\n',
  heartbeat: ':\n\n',
  end: 'event: complete\ndata:\n\n',
  result: nextEvent,
  failure: (errors) => nextEvent(`{"errors":${errors}}`),
};

function nextEvent(payload: string): string {
  return `${EVENT_BEGINNING.result(payload)}\n`;
}

/**
 * HTTP multipart (RFC 2046, 5.1) in the way of Apollo's subscriptions over HTTP, version 1.0: each part is an envelope
 * around a result, or `{}` for a heartbeat. Clients read a part when they see the boundary behind it, so that is written
 * with the part.
 */
function multipart(boundary: string): StreamFraming {
  const part = (json: string): string => `\r\nContent-Type: application/json\r\n\r\n${json}\r\n--${boundary}`;
  return {
    contentType: `multipart/mixed;boundary="${boundary}";subscriptionSpec=1.0`,
    start: `\r\n--${boundary}`,
    heartbeat: part('{}'),
    end: '--\r\n',
    result: (text) => part(`{"payload":${text}}`),
    failure: (errors) => part(`{"payload":null,"errors":${errors}}`),
  };
}

/** With the boundary that clients assume if none is named. */
export const MULTIPART = multipart('-');
/** With the boundary of Apollo's own router: clients that ask for it may know no other. */
export const MULTIPART_GRAPHQL = multipart('graphql');
