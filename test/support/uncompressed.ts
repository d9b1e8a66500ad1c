import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

/** The text of an answer as it arrives, whether it is compressed or not. */
export function uncompressed(response: IncomingMessage): Readable {
  if (response.headers['content-encoding'] !== 'gzip') return response.setEncoding('utf8');
  const text = createGunzip().setEncoding('utf8');
  text.on('error', () => {}); // the client went away in the middle of it
  return response.pipe(text);
}
