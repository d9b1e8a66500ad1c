import { CuttingProxy } from './CuttingProxy.ts';
import type { GatewayProcess } from './GatewayProcess.ts';
import { startGateway } from './startGateway.ts';
import { waitFor } from './waitFor.ts';

/** A gateway with made-up data, behind a network that can be cut. */
export class ExampleMarket implements AsyncDisposable {
  readonly network: CuttingProxy;
  /** Beside the network. */
  readonly gatewayUrl: string;
  readonly #stack: AsyncDisposableStack;

  private constructor(gatewayUrl: string, network: CuttingProxy, stack: AsyncDisposableStack) {
    this.gatewayUrl = gatewayUrl;
    this.network = network;
    this.#stack = stack;
  }

  static async open(faults: readonly Record<string, unknown>[] = []): Promise<ExampleMarket> {
    await using stack = new AsyncDisposableStack();
    const broker = { kind: 'mock-binance', symbols: { BTCUSDT: 43_250.1, ETHUSDT: 2_280.55 }, faults };
    const gateway = stack.use(await startGateway({ config: { brokers: { 'mock-binance': broker } } }));
    const network = stack.use(await CuttingProxy.to(Number(new URL(gateway.urls.http).port)));
    return new ExampleMarket(gateway.urls.http, network, stack.move());
  }

  url(path: '/graphql' | '/ws'): string {
    return `ws://127.0.0.1:${this.network.port}${path}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** Waits until a program has printed some trades, cuts its connection, waits for more, and returns the ids of all. */
export async function tradesOverCuts(
  program: GatewayProcess,
  { network }: ExampleMarket,
  trades: () => readonly number[],
): Promise<readonly number[]> {
  for (let cut = 0; cut < 3; cut += 1) {
    const before = trades().length;
    await waitFor(() => {
      if (program.child.exitCode !== null) throw new Error(`ended with ${program.child.exitCode}: ${program.err}`);
      return trades().length > before + 5;
    }, `trades after ${cut} cuts`);
    network.cut();
  }
  const before = trades().length;
  await waitFor(() => trades().length > before + 5, 'trades after the last cut');
  return trades();
}

/** The ids that there are if nothing is missing or double, from the first one on. */
export function consecutive(ids: readonly number[]): readonly number[] {
  return ids.map((_id, i) => (ids[0] ?? NaN) + i);
}
