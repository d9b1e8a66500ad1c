import http from 'node:http';
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import https from 'node:https';
import { pipeline } from 'node:stream';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

export interface HttpGetOptions {
  /** Owns the sockets; its creator destroys it. */
  readonly agent: http.Agent;
  /** Sent beside our own. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Ends the exchange in whatever state it is; the promise rejects. */
  readonly signal: AbortSignal;
  /** The bound of the body, unpacked. */
  readonly maxBodyBytes: number;
}

/** A GET is sent with these options. */
interface SendOptions {
  /** False: a connection of its own. */
  readonly agent: http.Agent | false;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** A complete reply, whatever its status. */
export interface HttpReply {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** The body was larger than allowed; what had come was thrown away. */
export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError';
}

/** An agent for `httpGet` that keeps at most `maxSockets` connections, and keeps them open between requests. */
export function keepAliveAgent(baseUrl: string, maxSockets: number): http.Agent {
  const options = { keepAlive: true, maxSockets };
  return baseUrl.startsWith('https:') ? new https.Agent(options) : new http.Agent(options);
}

/**
 * One GET and its whole body, whatever the status. No redirect is followed, nothing is tried again. Rejects when the
 * connection fails, the body is cut short or too large, or the signal is aborted.
 */
export async function httpGet(url: string, options: HttpGetOptions): Promise<HttpReply> {
  const response = await firstResponse(url, options);
  const body = await readBody(unpacked(response), options.maxBodyBytes);
  return { status: response.statusCode ?? 0, headers: response.headers, text: body.toString('utf8') };
}

/**
 * Sends a GET, over TLS if the URL says so. Throws for a URL or a header that can't be sent. No redirect is followed.
 */
export function sendGet(url: string, { headers, ...options }: SendOptions): ClientRequest {
  const get = url.startsWith('https:') ? https.get : http.get;
  return get(url, { ...options, headers: { 'user-agent': 'tickgraph', ...headers } });
}

/** Names a failed connection by the code of its error, without the other side's words. */
export function describeFailure(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : '';
  return `The connection failed${code}.`;
}

function firstResponse(url: string, { agent, signal, headers: others }: HttpGetOptions): Promise<IncomingMessage> {
  const headers = { accept: 'application/json', 'accept-encoding': 'gzip', ...others };
  return new Promise((resolve, reject) => {
    // The listener stays: a failure while the body is read is emitted here too, and would otherwise end the process.
    sendGet(url, { agent, headers, signal }).on('response', resolve).on('error', reject);
  });
}

function unpacked(response: IncomingMessage): Readable {
  if (response.headers['content-encoding'] !== 'gzip') return response;
  // Every failure reaches the reader of the last stream.
  return pipeline(response, createGunzip(), () => {});
}

async function readBody(stream: Readable, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) throw new BodyTooLargeError(`a body of more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

/** A refusal that does not pass by waiting a moment. */
export interface LastingRefusal {
  /** A sentence for a person, without its full stop. */
  readonly reason: string;
  /** How long the other side is left alone. */
  readonly retryAfterMs: number;
}

const ELSEWHERE: LastingRefusal = {
  reason: 'The venue does not serve this location (HTTP 451)',
  retryAfterMs: 1_800_000,
};

/**
 * Returns the meaning of a status that stays until somebody changes something; null for a status that may be another
 * next time.
 */
export function lastingRefusal(status: number): LastingRefusal | null {
  return status === 451 ? ELSEWHERE : null;
}

const LONGEST_MS = 7 * 86_400_000;

/**
 * How long a Retry-After header asks to wait, in milliseconds: whole seconds or an HTTP date. Null if there is none, or
 * it is invalid. Never negative, never more than a week.
 */
export function retryAfterMs(header: string | undefined, nowMs: number): number | null {
  const text = header?.trim() ?? '';
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1_000, LONGEST_MS);
  if (!text.endsWith(' GMT')) return null;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.min(Math.max(at - nowMs, 0), LONGEST_MS);
}
