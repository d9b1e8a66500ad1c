import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { CANDLES, FIELDS, LONG_FIELDS, countCandles } from '../support/costlyQueries.ts';
import { GraphqlGateway } from '../support/GraphqlGateway.ts';
import type { GraphqlResponse } from '../support/GraphqlGateway.ts';
import { startGateway } from '../support/startGateway.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';
import { waitFor } from '../support/waitFor.ts';

describe('if a client does not read', () => {
  it('only a few more answers are computed, over WebSocket', async () => {
    await using gateway = await GraphqlGateway.start({ limits: { subscriptionsPerConnection: 1_000 } });
    const count = countCandles(gateway);
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    await using other = await TransportWsClient.connect(gateway.wsUrl);
    client.socket.pause();
    for (let id = 0; id < 60; id += 1) client.subscribe(String(id), `{ ${CANDLES(2_500, LONG_FIELDS)} }`);
    await waitFor(() => count.asked > 0);
    // Clients that read are served meanwhile, even from the same address.
    for (let id = 0; id < 3; id += 1) {
      other.subscribe(String(id), `{ ${CANDLES(10, 'open')} }`);
      await other.typed('complete', String(id));
    }
    const before = count.asked;
    expect(before).toBeLessThan(3 + 15);
    client.socket.resume();
    for (let id = 0; id < 60; id += 1) await client.typed('complete', String(id));
    expect(count.asked).toBe(63);
  });

  it('nothing that it asked for is kept when it leaves', async () => {
    await using gateway = await GraphqlGateway.start({ limits: { subscriptionsPerConnection: 1_000 } });
    const count = countCandles(gateway);
    const client = await TransportWsClient.connect(gateway.wsUrl);
    client.socket.pause();
    for (let id = 0; id < 40; id += 1) client.subscribe(String(id), `{ ${CANDLES(5_000, LONG_FIELDS)} }`);
    await waitFor(() => count.asked > 0);
    client.socket.terminate();
    await waitFor(() => gateway.services.answers.used === 0, 'what the answers took to be given back');
    const asked = count.asked;
    await using other = await TransportWsClient.connect(gateway.wsUrl);
    other.subscribe('1', `{ ${CANDLES(10, 'open')} }`);
    await other.typed('complete', '1');
    expect(count.asked).toBe(asked + 1);
  });

  it('an answer over HTTP is cut off in time, and its share is free again', async () => {
    await using gateway = await startGateway({
      config: {
        heartbeat: { graphqlMs: 100 },
        limits: { queryCost: 2_000_000, queryAliases: 100 },
        brokers: { mock: { kind: 'mock-binance', symbols: { A: 100 } } },
      },
    });
    // This is more than the kernel buffers for a client that does not read.
    const candles = `candles(broker: "mock", symbol: "A", interval: ONE_SECOND, limit: 5000) { ${LONG_FIELDS} }`;
    const query = `{ ${candles} ${Array.from({ length: 12 }, (_, n) => `a${n}: ${candles}`).join(' ')} }`;
    const sent = request(gateway.urls.graphql, {
      method: 'POST',
      agent: new Agent(),
      headers: { 'content-type': 'application/json' },
    });
    const arrived = Promise.withResolvers<Socket>();
    const note = (message: unknown): void => {
      arrived.resolve((message as { readonly socket: Socket }).socket);
    };
    subscribe('http.server.request.start', note);
    sent.end(JSON.stringify({ query }));
    const served = await arrived.promise;
    unsubscribe('http.server.request.start', note);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    expect(response.statusCode).toBe(200);
    response.pause();
    const cut = once(response, 'error');
    sent.on('error', () => undefined);
    await waitFor(() => response.socket.bytesRead > 0);
    // It reads again once nothing more can come.
    await waitFor(() => served.destroyed, 'the gateway to cut it off');
    response.resume();
    await cut;
    const answer = await fetch(gateway.urls.graphql, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query }),
    });
    expect(((await answer.json()) as GraphqlResponse).data?.['candles']).toHaveLength(5_000);
  });

  it('a long answer still reaches a client that reads slowly', async () => {
    await using gateway = await startGateway({
      config: { heartbeat: { graphqlMs: 200 }, brokers: { mock: { kind: 'mock-binance', symbols: { A: 100 } } } },
    });
    const query = `{ candles(broker: "mock", symbol: "A", interval: ONE_SECOND, limit: 5000) { ${FIELDS} } }`;
    const sent = request(gateway.urls.graphql, { method: 'POST', headers: { 'content-type': 'application/json' } });
    sent.end(JSON.stringify({ query }));
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    let bytes = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      // It reads slowly: another request is answered before it reads on.
      await (await fetch(`${gateway.urls.http}/health`)).text();
    }
    expect(bytes).toBe(Number(response.headers['content-length']));
  });
});
