import http from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import https from 'node:https';
import { pipeline } from 'node:stream';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

export interface HttpGetOptions {
  /** Owns the sockets; whoever made it destroys it. */
  readonly agent: http.Agent;
  /** Sent beside our own. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Ends the exchange whatever state it is in; the promise rejects. */
  readonly signal: AbortSignal;
  /** Of the body, unpacked. */
  readonly maxBodyBytes: number;
}

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

/** An agent for `httpGet` that keeps at most so many connections, and keeps them open between requests. */
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

function firstResponse(url: string, { agent, signal, headers: others }: HttpGetOptions): Promise<IncomingMessage> {
  const headers = { accept: 'application/json', 'accept-encoding': 'gzip', 'user-agent': 'tickgraph', ...others };
  const get = url.startsWith('https:') ? https.get : http.get;
  return new Promise((resolve, reject) => {
    // The listener stays: a failure while the body is read is told here too, and would else end the process.
    get(url, { agent, headers, signal }, resolve).on('error', reject);
  });
}

function unpacked(response: IncomingMessage): Readable {
  if (response.headers['content-encoding'] !== 'gzip') return response;
  // The reader of the last stream is told of every failure.
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
