import type { IncomingMessage } from 'node:http';

/** The answer to a request that never reaches GraphQL. */
export interface Refusal {
  readonly status: number;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const ENDPOINT = 'http://localhost/graphql';

/**
 * The URL for the GraphQL pipeline. The router has already looked at the path, so only the query matters here, whatever
 * the form of the request target or the Host header.
 */
export function graphqlUrl({ url = '' }: IncomingMessage): URL {
  const target = url.split('#', 1)[0] ?? '';
  const query = target.indexOf('?');
  return new URL(query === -1 ? ENDPOINT : ENDPOINT + target.slice(query));
}

/** Checks the parameters of a GET, or the headers of a POST. */
export function refuseRequest(request: IncomingMessage, { searchParams }: URL): Refusal | null {
  const { method } = request;
  if (method === 'POST') return refuseContent(request);
  if (method === 'GET') {
    return refuseParameter('variables', searchParams) ?? refuseParameter('extensions', searchParams);
  }
  return { status: 405, message: 'GraphQL is asked with GET or POST.', headers: { allow: 'GET, POST, OPTIONS' } };
}

function refuseParameter(name: string, parameters: URLSearchParams): Refusal | null {
  const text = parameters.get(name);
  if (text === null || text === '') return null;
  const refusal: Refusal = { status: 400, message: `${name}: expected a JSON object.` };
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && !Array.isArray(value) ? null : refusal;
  } catch {
    return refusal;
  }
}

/**
 * Accepts JSON in UTF-8 only: a page of another site can post forms and plain text without a preflight, but not JSON.
 */
function refuseContent({ headers }: IncomingMessage): Refusal | null {
  const [type = '', ...parameters] = (headers['content-type'] ?? '').toLowerCase().split(';');
  const charset = parameters.map((text) => text.trim()).find((text) => text.startsWith('charset='));
  const isUtf8 = charset === undefined || /^charset="?utf-?8"?$/.test(charset);
  const isPlain = (headers['content-encoding'] ?? 'identity') === 'identity';
  if (type.trim() === 'application/json' && isUtf8 && isPlain) return null;
  return { status: 415, message: 'Post GraphQL as application/json in UTF-8, not compressed.' };
}

/** The body as text, or the refusal of it. Null if the client disconnected before its end. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<string | Refusal | null> {
  const tooLarge: Refusal = {
    status: 413,
    message: `The body may have ${maxBytes} bytes at most.`,
    headers: { connection: 'close' },
  };
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return tooLarge;
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    // The server still has to answer, so it reads the rest of a body that is too large.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxBytes) return tooLarge;
      chunks.push(chunk);
    }
  } catch {
    return null;
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    return { status: 400, message: 'The body is not UTF-8.' };
  }
}
