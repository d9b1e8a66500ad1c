import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { GatewayProcess } from '../support/GatewayProcess.ts';
import { RawClient } from '../support/RawClient.ts';
import { waitFor } from '../support/waitFor.ts';
import { StandInBinance } from '../venues/binance/StandInBinance.ts';

const FILES = 200;

/** A gateway with few file descriptors, and a venue. On SIGUSR2 it uses up those that are left, on the next one it frees them. */
function poorGateway(venue: StandInBinance): GatewayProcess {
  const preload = `
    import { closeSync, openSync } from 'node:fs';
    const files = [];
    process.on('SIGUSR2', () => {
      if (files.length > 0) {
        for (const file of files.splice(0)) closeSync(file);
        return;
      }
      try {
        for (;;) files.push(openSync('/dev/null'));
      } catch (error) {
        process.stdout.write(JSON.stringify({ msg: error.code }) + '\\n');
      }
    })`;
  const node = [process.execPath, '--import', `data:text/javascript,${encodeURIComponent(preload)}`];
  return new GatewayProcess({
    command: 'prlimit',
    args: [`--nofile=${FILES}`, ...node, 'src/index.ts', 'serve'],
    env: {
      HOST: '127.0.0.1',
      PORT: '0',
      TICKGRAPH_BROKERS__OANDA: 'null',
      TICKGRAPH_BROKERS__BINANCE__WEBSOCKET_URL: venue.websocketUrl,
      TICKGRAPH_BROKERS__BINANCE__REST_URL: venue.restUrl,
    },
  });
}

async function subscribed(url: string, venue: StandInBinance): Promise<RawClient> {
  const client = await RawClient.connect(url);
  await client.subscribe('binance', ['BTCUSDT'], ['trade']);
  await venue.waitForSubscription('btcusdt@trade');
  await trades(client, venue);
  return client;
}

/** Resolves when the venue's next trade has come. */
async function trades(client: RawClient, venue: StandInBinance): Promise<void> {
  const before = client.data('trade').length;
  venue.market('BTCUSDT').trade();
  await waitFor(() => client.data('trade').length > before, 'a trade');
}

/** Connections that send nothing, and come again as often as they are closed. */
class Crowd implements Disposable {
  closed = 0;
  readonly #url: URL;
  readonly #sockets = new Set<Socket>();
  #isOver = false;

  constructor(url: string) {
    this.#url = new URL(url);
    for (let n = 0; n < 400; n += 1) this.#come();
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  #come(): void {
    const socket = connect(Number(this.#url.port), this.#url.hostname);
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => {
      this.closed += 1;
      this.#sockets.delete(socket);
      if (!this.#isOver) setTimeout(() => this.#isOver || this.#come(), 20);
    });
  }
}

describe.runIf(process.platform === 'linux')('a gateway whose file descriptors run out', () => {
  it('serves those who are connected, accepts nobody, and accepts again when some are free', async () => {
    await using venue = await StandInBinance.start();
    await using gateway = poorGateway(venue);
    const url = await gateway.listening();
    await using client = await subscribed(url, venue);
    gateway.child.kill('SIGUSR2');
    await waitFor(() => gateway.logged('EMFILE'), 'the descriptors to be used up');
    for (let n = 0; n < 20; n += 1) {
      await expect(RawClient.connect(url)).rejects.toThrow('closed with 1006');
      await trades(client, venue);
    }
    gateway.child.kill('SIGUSR2');
    await using later = await waitFor(() => RawClient.connect(url).catch(() => null), 'a client to be accepted');
    expect(await later.ask({ action: 'ping' })).toMatchObject({ status: 'pong' });
    expect(gateway.child.exitCode).toBeNull();
  });

  it('because of too many clients has enough of them left to connect to the venue again', async () => {
    await using venue = await StandInBinance.start();
    await using gateway = poorGateway(venue);
    const url = await gateway.listening();
    await using client = await subscribed(url, venue);
    using crowd = new Crowd(url);
    await waitFor(() => crowd.closed > 100, 'many of them to be closed');
    const before = client.messages.length;
    await venue.faults.resetInMidFrame();
    await waitFor(
      () => client.messages.slice(before).some(({ status }) => status === 'live'),
      'the feed to be live again',
    );
    await trades(client, venue);
    expect(client.messages.slice(before).find(({ type }) => type === 'status')).toMatchObject({ status: 'recovering' });
  });
});
