import { describe, expect, it } from 'vitest';
import { GraphqlGateway } from '../support/GraphqlGateway.ts';

const TICKS = 'subscription S { marketData(symbols: ["BTCUSDT"]) { ... on Tick { bid } } }';
const HASH = { persistedQuery: { version: 1, sha256Hash: 'e'.repeat(64) } };
const BYTE_ORDER_MARK = '\u{FEFF}';

const send = (url: string, accept: string, body: string): Promise<Response> =>
  fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', accept }, body });

/** Reads until the text has come, and leaves. */
async function readUntil({ body }: Response, wanted: string): Promise<string> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.includes(wanted)) return text;
  }
  throw new Error(`the stream ended without ${wanted}: ${text}`);
}

describe.each([
  ['server-sent events', 'text/event-stream'],
  ['multipart', 'multipart/mixed;subscriptionSpec=1.0'],
  ['multipart as Apollo asks', 'multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json;q=0.9'],
])('a subscription over %s', (_name, accept) => {
  it.each([
    ['a byte order mark before its body', BYTE_ORDER_MARK + JSON.stringify({ query: TICKS })],
    [
      'null for what it leaves out',
      JSON.stringify({ query: TICKS, operationName: null, variables: null, extensions: null }),
    ],
    ['an empty operation name', JSON.stringify({ query: TICKS, operationName: '' })],
    ['its hash beside it', JSON.stringify({ query: TICKS, extensions: HASH })],
  ])('with %s is read as without', async (_what, body) => {
    await using gateway = await GraphqlGateway.start();
    const response = await send(gateway.url, accept, body);
    expect(response.status).toBe(200);
    await gateway.wanted('tick BTCUSDT');
    gateway.tick('1.10');
    await readUntil(response, '{"data":{"marketData":{"bid":"1.10"}}}');
    await gateway.isIdle();
  });

  it.each([[{ extensions: HASH }], [{ query: null, extensions: HASH }], [{ query: '', extensions: HASH }]])(
    'that is a hash without its text is refused in the words that clients know: %j',
    async (body) => {
      await using gateway = await GraphqlGateway.start();
      const response = await send(gateway.url, accept, JSON.stringify(body));
      expect(response.status).toBe(200);
      const text = await response.text();
      expect(text).toContain('"message":"PersistedQueryNotSupported"');
      expect(text).toContain('"code":"PERSISTED_QUERY_NOT_SUPPORTED"');
      expect(gateway.index.size).toBe(0);
    },
  );
});
