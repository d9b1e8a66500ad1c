import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './freePort.ts';
import { projectFolder } from './GatewayProcess.ts';
import { waitFor } from './waitFor.ts';

/** The nginx of this machine; undefined if it has none. */
export const NGINX = ['/usr/sbin/nginx', '/usr/bin/nginx', '/usr/local/sbin/nginx', '/opt/homebrew/bin/nginx'].find(
  (path) => existsSync(path),
);

type Adapt = (configuration: string) => string;

/**
 * A real nginx in front of a gateway, configured as docs/operating.md says, on a free port of loopback. Its starter disposes of
 * it.
 */
export class Nginx implements AsyncDisposable {
  readonly url: string;
  readonly #folder: string;
  readonly #child: ChildProcess;
  #log = '';

  private constructor(port: number, gatewayUrl: string, adapt: Adapt) {
    this.url = `http://127.0.0.1:${port}`;
    this.#folder = mkdtempSync(join(tmpdir(), 'tickgraph-nginx-'));
    const file = join(this.#folder, 'nginx.conf');
    writeFileSync(file, adapt(configuration(this.#folder, port, gatewayUrl)));
    this.#child = spawn(NGINX ?? '', ['-c', file, '-p', this.#folder, '-e', 'stderr'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child.stderr?.on('data', (data: Buffer) => (this.#log += data.toString()));
  }

  /** `adapt` changes the configuration. */
  static async before(gatewayUrl: string, adapt: Adapt = (text) => text): Promise<Nginx> {
    const nginx = new Nginx(await freePort(), gatewayUrl, adapt);
    await waitFor(async () => {
      if (nginx.#child.exitCode !== null) throw new Error(`nginx ended: ${nginx.#log}`);
      return accepts(nginx.url);
    }, 'nginx to accept connections');
    return nginx;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) {
      this.#child.kill('SIGTERM');
      await once(this.#child, 'exit');
    }
    rmSync(this.#folder, { recursive: true });
  }
}

/** The block of docs/operating.md and its map. Everything else is what lets an unprivileged user run it in a folder of its own. */
function configuration(folder: string, port: number, gatewayUrl: string): string {
  const page = readFileSync(join(projectFolder, 'docs/operating.md'), 'utf8');
  const [, block = ''] = /```nginx\n([^]*?)```/.exec(page) ?? [];
  const [, map = ''] = /`(map \$http_upgrade [^`]*)`/.exec(page) ?? [];
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${join(folder, name)};`,
  );
  return `
    daemon off;
    master_process off;
    pid ${join(folder, 'pid')};
    error_log stderr;
    events {}
    http {
      access_log off;
      ${temporary.join('\n')}
      ${map}
      server {
        listen 127.0.0.1:${port};
        ${block.replaceAll('http://127.0.0.1:4000', gatewayUrl)}
      }
    }`;
}

function accepts(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  return new Promise((resolve) => {
    const done = (isOpen: boolean) => (): void => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.once('connect', done(true)).once('error', done(false));
  });
}
