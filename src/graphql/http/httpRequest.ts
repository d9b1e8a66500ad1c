import type { IncomingMessage } from 'node:http';

/** A request that is answered before GraphQL sees it. */
export interface Refusal {
  readonly status: number;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const ENDPOINT = 'http://localhost/graphql';

/**
 * The URL for the GraphQL pipeline: whoever routed the request here has looked at its path already, and of the rest only the
 * query matters, whatever the target's form or the Host header say.
 */
export function graphqlUrl({ url = '' }: IncomingMessage): URL {
  const target = url.split('#', 1)[0] ?? '';
  const query = target.indexOf('?');
  return new URL(query === -1 ? ENDPOINT : ENDPOINT + target.slice(query));
}

/** The faults of a GET's parameters, or of a POST's headers. */
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
 * JSON in UTF-8 and nothing else: a form on another's page can post forms and plain text, but not this without asking
 * first (which is refused by CORS).
 */
function refuseContent({ headers }: IncomingMessage): Refusal | null {
  const [type = '', ...parameters] = (headers['content-type'] ?? '').toLowerCase().split(';');
  const charset = parameters.map((text) => text.trim()).find((text) => text.startsWith('charset='));
  const isUtf8 = charset === undefined || /^charset="?utf-?8"?$/.test(charset);
  const isPlain = (headers['content-encoding'] ?? 'identity') === 'identity';
  if (type.trim() === 'application/json' && isUtf8 && isPlain) return null;
  return { status: 415, message: 'Post GraphQL as application/json in UTF-8, not compressed.' };
}

/** The body as text, or why there is none. Null when the client went away before its end. */
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
    // The rest of what is too large is left to the server, which still has to answer.
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
