import { createClient } from '@redis/client';
import type { Clock } from '../../shared/clock.ts';

export interface SentinelsOptions {
  /** `redis+sentinel://user:password@host:port/master?also=host:port,host:port`; the user is that of the master. */
  readonly url: string;
  readonly clock: Clock;
  /** Called with the URL of the master when it is known, and each time that it is another one. */
  readonly onMaster: (url: string) => void;
}

const SCHEME = 'redis+sentinel:';
/** How often they are asked. They are told of a new master by one another, and don't tell clients that were away. */
const ASK_MS = 1_000;
const CONNECT_MS = 500;

/** True if the URL names Sentinels, and not a server itself. */
export function isSentinelUrl(url: string): boolean {
  return url.startsWith(SCHEME);
}

/** Asks Sentinels which server is the master now, until disposed of. */
export class Sentinels implements Disposable {
  readonly #options: SentinelsOptions;
  readonly #hosts: readonly string[];
  readonly #master: string;
  readonly #login: string;
  #timer: Disposable | null = null;
  #known: string | null = null;
  #isAsking = false;

  constructor(options: SentinelsOptions) {
    this.#options = options;
    const { host, password, pathname, searchParams, username } = new URL(options.url.replace(SCHEME, 'redis:'));
    this.#hosts = [host, ...(searchParams.get('also') ?? '').split(',').filter((also) => also !== '')];
    this.#master = decodeURIComponent(pathname.slice(1));
    this.#login = username === '' && password === '' ? '' : `${username}:${password}@`;
  }

  start(): void {
    void this.#ask();
    this.#timer = this.#options.clock.every(ASK_MS, () => {
      void this.#ask();
    });
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
  }

  async #ask(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    const address = await this.#addressOfMaster();
    this.#isAsking = false;
    if (address === null || address === this.#known || this.#timer === null) return;
    this.#known = address;
    this.#options.onMaster(`redis://${this.#login}${address}`);
  }

  /** The first answer counts; null if none of them answers. */
  async #addressOfMaster(): Promise<string | null> {
    for (const host of this.#hosts) {
      const client = createClient({
        url: `redis://${host}`,
        RESP: 3,
        disableClientInfo: true,
        maintNotifications: 'disabled',
        socket: { connectTimeout: CONNECT_MS, socketTimeout: CONNECT_MS, reconnectStrategy: false },
      });
      client.on('error', () => undefined);
      try {
        await client.connect();
        const answer: unknown = await client.sendCommand(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', this.#master]);
        if (Array.isArray(answer) && answer.length === 2) return `${String(answer[0])}:${String(answer[1])}`;
      } catch {
        // The next one may answer.
      } finally {
        if (client.isOpen) client.destroy();
      }
    }
    return null;
  }
}
