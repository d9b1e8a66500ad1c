import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { waitFor } from './waitFor.ts';

/** The Prometheus of this machine; undefined if it has none. */
export const PROMETHEUS = ['/usr/bin/prometheus', '/usr/local/bin/prometheus'].find((path) => existsSync(path));

/** A real Prometheus on a free port of loopback, with its data beside its configuration. Its starter disposes of it. */
export class PrometheusServer implements AsyncDisposable {
  readonly #child: ChildProcess;
  #log = '';
  #url = '';

  private constructor(configuration: string) {
    const data = join(dirname(configuration), 'data');
    this.#child = spawn(
      PROMETHEUS ?? '',
      [`--config.file=${configuration}`, `--storage.tsdb.path=${data}`, '--web.listen-address=127.0.0.1:0'],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.#child.stderr?.on('data', (text: Buffer) => (this.#log += text.toString()));
  }

  static async start(configuration: string): Promise<PrometheusServer> {
    const server = new PrometheusServer(configuration);
    await waitFor(() => {
      if (server.#child.exitCode !== null) throw new Error(`Prometheus ended: ${server.#log}`);
      const address = /Listening on.*address=(127\.0\.0\.1:\d+)/.exec(server.#log)?.[1];
      server.#url = `http://${address}/api/v1`;
      return address !== undefined;
    }, 'Prometheus to listen');
    // It listens before it answers.
    await waitFor(async () => (await fetch(new URL('/-/ready', server.#url))).ok, 'a Prometheus that is ready');
    return server;
  }

  /** Asks its API. Rejects if that refuses. */
  async get(path: string, params: Readonly<Record<string, string>> = {}): Promise<unknown> {
    const response = await fetch(`${this.#url}/${path}?${new URLSearchParams(params)}`);
    const { status, data, error } = (await response.json()) as { status: string; data: unknown; error?: string };
    if (status !== 'success') throw new Error(`${JSON.stringify(params)}: ${error}`);
    return data;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }
}
