import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Browser } from 'playwright-core';
import type { MarketDataServer } from '../../src/MarketDataServer.ts';
import { QUERY_FORMS } from '../../web/data/queryText.ts';
import type { QueryForm } from '../../web/data/queryText.ts';
import { DashboardPage, lacksChromium, launchBrowser } from '../support/DashboardPage.ts';
import { projectFolder } from '../support/GatewayProcess.ts';
import { RawClient } from '../support/RawClient.ts';
import { startGateway } from '../support/startGateway.ts';
import { TransportWsClient } from '../support/TransportWsClient.ts';
import { waitFor } from '../support/waitFor.ts';

const PANELS = {
  quote: 'Tick',
  chart: 'Candle',
  book: 'OrderBook',
  tape: 'Trade',
  watch: 'Tick',
} as const;

describe.skipIf(lacksChromium !== null)("each panel's query", { timeout: 60_000 }, () => {
  let browser: Browser;
  let gateway: MarketDataServer;
  beforeAll(async () => {
    browser = await launchBrowser();
    gateway = await startGateway({ config: { brokers: { 'mock-binance': { kind: 'mock-binance' } } } });
  }, 60_000);
  afterAll(async () => {
    await browser.close();
    await gateway[Symbol.asyncDispose]();
  });

  /** Runs a program until its output has this text. */
  async function runUntil(command: readonly string[], text: string): Promise<void> {
    const [file = '', ...args] = command;
    const child = spawn(file, args, { cwd: projectFolder, stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = once(child, 'close');
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
    try {
      await waitFor(
        () => {
          if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}: ${output}`);
          return output.includes(text);
        },
        `"${text}" from ${command.join(' ')}`,
        20_000,
      );
    } finally {
      child.kill('SIGKILL');
      await ended;
    }
  }

  /** Uses what was copied as a person would. */
  const use: Record<QueryForm, (text: string, type: string) => Promise<void>> = {
    GraphQL: async (query, type) => {
      const client = await TransportWsClient.connect(gateway.urls.graphql.replace('http', 'ws'));
      client.subscribe('copied', query);
      await waitFor(
        () => client.messages.find((message) => JSON.stringify(message).includes(`"__typename":"${type}"`)),
        type,
      );
      await client[Symbol.asyncDispose]();
    },
    // In a group of its own the shell and curl would outlive their killing.
    curl: (text, type) => runUntil(['bash', '-c', `exec ${text}`], `"__typename":"${type}"`),
    wscat: async (text, type) => {
      const [, url = '', message = ''] = /-c '([^']+)'.* -x '([^']+)'/s.exec(text) ?? [];
      expect(url).toBe(gateway.urls.raw);
      await using client = await RawClient.connect(url);
      const answer = await client.ask(JSON.parse(message) as { action: string });
      expect(answer).toMatchObject({ status: 'subscribed', rejected: [] });
      await waitFor(() => client.data(type.toLowerCase()).length > 0, type);
    },
    TypeScript: async (text, type) => {
      const file = `${projectFolder}test/artifacts/copied-${type}.ts`;
      writeFileSync(file, text);
      try {
        await runUntil([process.execPath, '-C', 'tickgraph-source', file], `__typename: '${type}'`);
      } finally {
        rmSync(file);
      }
    },
  };

  it.each(Object.entries(PANELS))(
    'of the panel "%s" can be copied in four forms, and each runs',
    async (name, type) => {
      await using dashboard = await DashboardPage.open(browser, gateway.urls.http, {
        permissions: ['clipboard-read', 'clipboard-write'],
      });
      await dashboard.isAlive();
      const panel = dashboard.panel(name as keyof typeof PANELS);
      for (const form of QUERY_FORMS) {
        await panel.getByLabel("Copy this panel's query").click();
        await panel.getByRole('button', { name: form, exact: true }).click();
        await dashboard.page.getByText(`${form} copied`).waitFor();
        if (form === 'GraphQL') await dashboard.screenshot('dashboard-copied');
        const text = (await dashboard.page.evaluate('navigator.clipboard.readText()')) as string;
        await use[form](text, type);
      }
      expect(dashboard.complaints).toEqual([]);
    },
  );
});
