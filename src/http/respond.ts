import { STATUS_CODES } from 'node:http';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { ERROR_CODES, toHttpHead } from '../shared/errors.ts';
import type { ErrorCode, GatewayError } from '../shared/errors.ts';

/** Answers a request. */
export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** An HTTP answer that consists of an error. */
export interface ErrorResponse {
  readonly status: number;
  readonly code: ErrorCode;
  /** A sentence that says what the caller can do. */
  readonly message: string;
  readonly headers?: OutgoingHttpHeaders;
}

/** The most bytes of request headers that are accepted. */
export const MAX_HEADER_BYTES = 16 * 1024;

const JSON_HEADERS = {
  'content-type': 'application/json; charset=utf-8',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
};

/** The HTTP answer for an error. */
export function toErrorResponse(error: GatewayError): ErrorResponse {
  const { code, message } = error;
  return { code, message, ...toHttpHead(error) };
}

/** Answers with JSON that must not be cached. */
export function sendJson(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { ...JSON_HEADERS, 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

/** Answers with `{"error": {code, message, retryable}}`. */
export function sendError(response: ServerResponse, error: ErrorResponse): void {
  const text = errorBody(error);
  response.writeHead(error.status, {
    ...JSON_HEADERS,
    'content-length': Buffer.byteLength(text),
    ...error.headers,
  });
  response.end(text);
}

/** Answers on a socket without a response object (an upgrade, or a request that could not be parsed), and closes it. */
export function sendErrorAndClose(socket: Duplex, error: ErrorResponse): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const text = errorBody(error);
  const headers = {
    ...JSON_HEADERS,
    'content-length': Buffer.byteLength(text),
    connection: 'close',
    ...error.headers,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${String(value)}`);
  const head = [`HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? ''}`, ...lines].join('\r\n');
  socket.once('finish', () => {
    socket.destroy();
  });
  socket.end(`${head}\r\n\r\n${text}`);
}

/** Restricts a handler to GET and HEAD. Other methods get status 405. */
export function readOnly(handler: RequestHandler): RequestHandler {
  return (request, response) => {
    if (request.method === 'GET' || request.method === 'HEAD') return handler(request, response);
    sendError(response, {
      status: 405,
      code: 'BAD_REQUEST',
      message: 'This page is read-only: use GET or HEAD.',
      headers: { allow: 'GET, HEAD' },
    });
    return undefined;
  };
}

function errorBody({ code, message }: ErrorResponse): string {
  return JSON.stringify({ error: { code, message, retryable: ERROR_CODES[code].retryable } });
}

/** The answer for a path that does not exist. */
export const NOT_FOUND: ErrorResponse = {
  status: 404,
  code: 'BAD_REQUEST',
  message: 'There is nothing here; see /graphql, /ws, /health, /ready and /metrics.',
};
/** The answer to a plain request for a WebSocket path. */
export const UPGRADE_REQUIRED: ErrorResponse = {
  status: 426,
  code: 'BAD_REQUEST',
  message: 'This path serves WebSocket connections only.',
  headers: { upgrade: 'websocket', connection: 'Upgrade' },
};
/** The answer to a malformed Host header. */
export const BAD_HOST: ErrorResponse = { status: 400, code: 'BAD_REQUEST', message: 'The Host header names no host.' };
/** The answer to a web page that may not open a WebSocket here. */
export const FOREIGN_ORIGIN: ErrorResponse = {
  status: 403,
  code: 'FORBIDDEN',
  message: 'Pages of this origin may not connect; the operator can allow them in server.allowedOrigins.',
};
/** The same answer, after which the connection is closed. */
export function withConnectionClose(error: ErrorResponse): ErrorResponse {
  return { ...error, headers: { ...error.headers, connection: 'close' } };
}

/** The answer to bytes that Node's parser rejected; `code` is the parser's error code. */
export function badRequestResponse(code: string | undefined): ErrorResponse {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return { status: 431, code: 'BAD_REQUEST', message: `The headers are longer than ${MAX_HEADER_BYTES} bytes.` };
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return { status: 408, code: 'BAD_REQUEST', message: 'The request did not arrive in time.' };
  }
  return { status: 400, code: 'BAD_REQUEST', message: 'The request is malformed.' };
}
