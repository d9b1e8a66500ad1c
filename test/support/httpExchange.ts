import { connect } from 'node:net';

export interface Exchange {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** Sends the bytes as they are to an HTTP server and reads one answer, for requests that no client would send. */
export async function sendRaw(url: string, text: string): Promise<Exchange> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const chunks: Buffer[] = [];
  socket.on('error', () => undefined);
  socket.write(text, 'latin1');
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    if (isWhole(parse(Buffer.concat(chunks).toString('utf8')))) socket.destroy();
  });
  await closed;
  return parse(Buffer.concat(chunks).toString('utf8'));
}

/** Sends a request without a body, and closes its connection afterwards. `headers` may be malformed. */
export function request(
  url: string,
  target: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Exchange> {
  const all = { Host: 'localhost', Connection: 'close', ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return sendRaw(url, `GET ${target} HTTP/1.1\r\n${lines.join('')}\r\n`);
}

/** Requests an upgrade to WebSocket; the status of an accepted one is 101. */
export function upgrade(
  url: string,
  target: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Exchange> {
  return request(url, target, {
    Host: new URL(url).host,
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  });
}

/**
 * True if the answer is complete, since the server may keep the connection open for another request or after an
 * upgrade.
 */
function isWhole({ status, headers, body }: Exchange): boolean {
  return status === 101 || Buffer.byteLength(body) >= Number(headers.get('content-length') ?? Infinity);
}

function parse(text: string): Exchange {
  const [head = '', ...rest] = text.split('\r\n\r\n');
  const [statusLine = '', ...lines] = head.split('\r\n');
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    }),
  );
  return { status: Number(statusLine.split(' ')[1] ?? 0), headers, body: rest.join('\r\n\r\n') };
}
