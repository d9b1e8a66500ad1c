import { STATUS_CODES } from 'node:http';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { ERROR_CODES, httpRefusal } from '../shared/errors.ts';
import type { ErrorCode, GatewayError } from '../shared/errors.ts';

export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** An answer that says no. */
export interface Refusal {
  readonly status: number;
  readonly code: ErrorCode;
  /** A sentence that a person can act on. */
  readonly message: string;
  readonly headers?: OutgoingHttpHeaders;
}

/** The longest head of a request that is read. */
export const MAX_HEADER_BYTES = 16 * 1024;

const JSON_HEADERS = {
  'content-type': 'application/json; charset=utf-8',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
};

/** How an error is told to who has not been let in yet. */
export function refusalOf(error: GatewayError): Refusal {
  const { code, message } = error;
  return { code, message, ...httpRefusal(error) };
}

export function sendJson(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { ...JSON_HEADERS, 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

export function sendRefusal(response: ServerResponse, refusal: Refusal): void {
  const text = refusalBody(refusal);
  response.writeHead(refusal.status, {
    ...JSON_HEADERS,
    'content-length': Buffer.byteLength(text),
    ...refusal.headers,
  });
  response.end(text);
}

/** Answers on a socket that has no response object: before an upgrade, and after a request that could not be read. */
export function refuseSocket(socket: Duplex, refusal: Refusal): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const text = refusalBody(refusal);
  const headers = {
    ...JSON_HEADERS,
    'content-length': Buffer.byteLength(text),
    connection: 'close',
    ...refusal.headers,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${String(value)}`);
  const head = [`HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? ''}`, ...lines].join('\r\n');
  socket.once('finish', () => {
    socket.destroy();
  });
  socket.end(`${head}\r\n\r\n${text}`);
}

/** For what can only be read: GET and HEAD, else 405. */
export function readOnly(handler: RequestHandler): RequestHandler {
  return (request, response) => {
    if (request.method === 'GET' || request.method === 'HEAD') return handler(request, response);
    sendRefusal(response, {
      status: 405,
      code: 'BAD_REQUEST',
      message: 'This can only be read: use GET or HEAD.',
      headers: { allow: 'GET, HEAD' },
    });
    return undefined;
  };
}

function refusalBody({ code, message }: Refusal): string {
  return JSON.stringify({ error: { code, message, retryable: ERROR_CODES[code].retryable } });
}

export const NOT_FOUND: Refusal = {
  status: 404,
  code: 'BAD_REQUEST',
  message: 'There is nothing here; see /graphql, /ws, /health, /ready and /metrics.',
};
export const UPGRADE_REQUIRED: Refusal = {
  status: 426,
  code: 'BAD_REQUEST',
  message: 'This is spoken over WebSocket only.',
  headers: { upgrade: 'websocket', connection: 'Upgrade' },
};
export const BAD_HOST: Refusal = { status: 400, code: 'BAD_REQUEST', message: 'The Host header names no host.' };
export const FOREIGN_ORIGIN: Refusal = {
  status: 403,
  code: 'FORBIDDEN',
  message: 'Pages of this origin may not connect; an operator lists those that may in server.allowedOrigins.',
};
export const DRAINING: Refusal = { status: 503, code: 'INTERNAL', message: 'The gateway is shutting down.' };

export function closing(refusal: Refusal): Refusal {
  return { ...refusal, headers: { ...refusal.headers, connection: 'close' } };
}

/** What could not even be read as a request. */
export function unreadable(code: string | undefined): Refusal {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return { status: 431, code: 'BAD_REQUEST', message: `The headers are longer than ${MAX_HEADER_BYTES} bytes.` };
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return { status: 408, code: 'BAD_REQUEST', message: 'The request did not arrive in time.' };
  }
  return { status: 400, code: 'BAD_REQUEST', message: 'This is not a request that can be read.' };
}
