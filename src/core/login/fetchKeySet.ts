import type { JSONWebKeySet } from 'jose';

const MAX_BYTES = 262_144;

/**
 * What lies at the address, as JSON. No redirect is followed, no more is read than a set of keys may be long. Rejects when
 * that fails, and when `signal` is aborted. Whether it is a set of keys is for who uses it to see.
 */
export async function fetchKeySet(url: URL, signal: AbortSignal): Promise<JSONWebKeySet> {
  const response = await fetch(url, {
    redirect: 'error',
    headers: { accept: 'application/jwk-set+json, application/json', 'user-agent': 'tickgraph' },
    signal,
  });
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel();
    throw new Error(`HTTP status ${response.status} in place of the keys`);
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- createLocalJWKSet refuses all else
  return JSON.parse(await readBody(response.body)) as JSONWebKeySet;
}

async function readBody(body: NonNullable<Response['body']>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > MAX_BYTES) throw new Error(`more than ${MAX_BYTES} bytes in place of the keys`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
