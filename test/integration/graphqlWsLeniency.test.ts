import { describe, expect, it } from 'vitest';
import { GraphqlGateway } from '../support/GraphqlGateway.ts';
import { upgrade } from '../support/httpExchange.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';

describe('the sub-protocol', () => {
  it('takes ours beside an offer that is no token', async () => {
    await using gateway = await GraphqlGateway.start();
    const { status, headers } = await upgrade(gateway.url, '/graphql', {
      'Sec-WebSocket-Protocol': '"Bearer x", graphql-transport-ws',
    });
    expect([status, headers.get('sec-websocket-protocol')]).toEqual([101, 'graphql-transport-ws']);
  });
});

describe('messages', () => {
  it('with a byte order mark before them are read as without', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = await TransportWsClient.open(gateway.wsUrl);
    const mark = (message: object): string => `\u{FEFF}${JSON.stringify(message)}`;
    client.socket.send(mark({ type: 'connection_init' }));
    await client.message(({ type }) => type === 'connection_ack');
    client.socket.send(mark({ id: '1', type: 'subscribe', payload: { query: '{ __typename }' } }));
    expect((await client.typed('next', '1')).payload).toEqual({ data: { __typename: 'Query' } });
  });

  it('with null for what they leave out are read as without', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = await TransportWsClient.open(gateway.wsUrl);
    client.send({ type: 'connection_init', payload: null });
    await client.message(({ type }) => type === 'connection_ack');
    client.send({ type: 'ping', payload: null });
    await client.message(({ type }) => type === 'pong');
    const payload = { query: '{ __typename }', operationName: null, variables: null, extensions: null };
    client.send({ id: '1', type: 'subscribe', payload });
    expect((await client.typed('next', '1')).payload).toEqual({ data: { __typename: 'Query' } });
  });

  it('with an empty operation name have none', async () => {
    await using gateway = await GraphqlGateway.start();
    await using client = await TransportWsClient.connect(gateway.wsUrl);
    const query = 'query Q { __typename }';
    client.send({ id: '1', type: 'subscribe', payload: { query, operationName: '', variables: null } });
    expect((await client.typed('next', '1')).payload).toEqual({ data: { __typename: 'Query' } });
    const ticks = 'subscription S { marketData(symbols: ["BTCUSDT"]) { ... on Tick { bid } } }';
    client.send({ id: '2', type: 'subscribe', payload: { query: ticks, operationName: '' } });
    await gateway.wanted('tick BTCUSDT');
    gateway.tick('1.5');
    expect((await client.typed('next', '2')).payload).toEqual({ data: { marketData: { bid: '1.5' } } });
  });
});
