import type { Clock } from '../../shared/clock.ts';
import { WIRE_VERSION } from './frames.ts';
import type { RedisLink } from './RedisLink.ts';

/** Longer ones are not believed. Binance bans for three days at most. */
const LONGEST_MS = 3 * 86_400_000;
const READ = `return redis.call('hgetall', KEYS[1])`;
/** A host, and until when it is paused, in milliseconds since the epoch. */
const MESSAGE = /^([\w.:[\]-]{1,255}) (\d{1,15})$/;

/** Pauses that venues have asked for, as all gateways know them: those that join later read them from Redis. */
export class Pauses {
  readonly #link: RedisLink;
  readonly #clock: Clock;
  /** Both the channel and the hash have this name. */
  readonly #name: string;
  readonly #listeners = new Set<(host: string, durationMs: number) => void>();

  constructor({ clock, link, prefix }: { readonly clock: Clock; readonly link: RedisLink; readonly prefix: string }) {
    this.#link = link;
    this.#clock = clock;
    this.#name = `${prefix}:${WIRE_VERSION}:pauses`;
    void link.subscribe(this.#name, (text) => {
      const [, host, until] = MESSAGE.exec(text) ?? [];
      if (host !== undefined) this.#tell(host, Number(until));
    });
  }

  announce(host: string, durationMs: number): void {
    const untilMs = String(Math.ceil(this.#clock.now() + durationMs));
    this.#link.send([
      ['HSET', this.#name, host, untilMs],
      ['PEXPIRE', this.#name, String(LONGEST_MS)],
      ['PUBLISH', this.#name, `${host} ${untilMs}`],
    ]);
  }

  listen(listener: (host: string, durationMs: number) => void): void {
    this.#listeners.add(listener);
  }

  /** Reads what was announced before Redis was there. Never rejects. */
  async read(): Promise<void> {
    try {
      const answer = await this.#link.run(READ, [this.#name], []);
      const texts = Array.isArray(answer) ? answer.map(String) : [];
      for (let at = 0; at + 1 < texts.length; at += 2) this.#tell(texts[at] ?? '', Number(texts[at + 1]));
    } catch {
      // It is read again when Redis is back.
    }
  }

  #tell(host: string, untilMs: number): void {
    const durationMs = Math.min(untilMs - this.#clock.now(), LONGEST_MS);
    if (durationMs > 0) for (const listener of this.#listeners) listener(host, durationMs);
  }
}
