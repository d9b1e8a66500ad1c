import { createLocalJWKSet, errors } from 'jose';
import type { JWTVerifyGetKey, JSONWebKeySet } from 'jose';
import type { Clock } from '../../shared/clock.ts';
import type { Logger } from '../../shared/logger.ts';

const TIMEOUT_MS = 5_000;
/** After it the keys are fetched again before they are used: so long a key that was withdrawn may go on working. */
const FRESH_MS = 600_000;
/** How long keys are used whose server can't be reached any more. */
const USABLE_MS = 86_400_000;
/** From one fetch to the next, whatever key a token asks for. */
const COOLDOWN_MS = 30_000;
/** The same while there is no key at all. */
const FIRST_COOLDOWN_MS = 5_000;

/** Whether the key is right can't be told just now. */
export class KeysUnavailableError extends Error {
  override readonly name = 'KeysUnavailableError';
  readonly retryAfterMs: number;

  constructor(retryAfterMs: number) {
    super('the keys that logins are verified with could not be fetched');
    this.retryAfterMs = retryAfterMs;
  }
}

export interface RemoteKeysOptions {
  /** Https, or http on loopback: the configuration sees to that. */
  readonly url: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface KeySet {
  readonly find: JWTVerifyGetKey;
  readonly fetchedAtMs: number;
}

/**
 * The key set (JWKS) of whoever issues the tokens: fetched when it is first needed, then again when it is ten minutes old
 * or a token names a key that is not in it (the issuer has changed keys), but never more often than each thirty seconds.
 * One fetch at a time; whoever needs it waits for it, except where the server fails and there are keys to go on with.
 */
export class RemoteKeys implements Disposable {
  readonly #options: RemoteKeysOptions;
  readonly #url: URL;
  #keys: KeySet | null = null;
  /** Whether the last fetch failed. */
  #failing = false;
  #nextFetchAtMs = Number.NEGATIVE_INFINITY;
  #fetching: { readonly done: Promise<void>; readonly abort: AbortController } | null = null;
  #closed = false;

  constructor(options: RemoteKeysOptions) {
    this.#options = options;
    this.#url = new URL(options.url);
  }

  /** The key of this token. Throws KeysUnavailableError, or what jose throws where no key fits. */
  readonly find: JWTVerifyGetKey = async (header, jws) => {
    const keys = await this.#current();
    try {
      return await keys.find(header, jws);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      await this.#refresh();
      if (this.#keys !== null && this.#keys !== keys) return await this.#keys.find(header, jws);
      throw this.#failing ? this.#unavailable() : error;
    }
  };

  /** Ends a fetch that is under way; nothing is fetched any more. */
  [Symbol.dispose](): void {
    this.#closed = true;
    this.#fetching?.abort.abort();
  }

  async #current(): Promise<KeySet> {
    if (this.#younger(FRESH_MS) === null) {
      const maySkip = this.#failing && this.#younger(USABLE_MS) !== null;
      const refreshed = this.#refresh();
      if (!maySkip) await refreshed;
    }
    const keys = this.#younger(USABLE_MS);
    if (keys === null) throw this.#unavailable();
    return keys;
  }

  #younger(ageMs: number): KeySet | null {
    if (this.#keys === null) return null;
    return this.#options.clock.monotonic() - this.#keys.fetchedAtMs < ageMs ? this.#keys : null;
  }

  #unavailable(): KeysUnavailableError {
    return new KeysUnavailableError(Math.max(1_000, Math.ceil(this.#nextFetchAtMs - this.#options.clock.monotonic())));
  }

  /** Never rejects. Resolves at once where it is too early for another fetch. */
  async #refresh(): Promise<void> {
    if (this.#fetching === null) {
      if (this.#closed || this.#options.clock.monotonic() < this.#nextFetchAtMs) return;
      const abort = new AbortController();
      this.#fetching = { done: this.#fetch(abort), abort };
    }
    await this.#fetching.done;
  }

  async #fetch(abort: AbortController): Promise<void> {
    const { clock, logger } = this.#options;
    const startedAtMs = clock.monotonic();
    this.#nextFetchAtMs = startedAtMs + COOLDOWN_MS;
    using _patience = clock.after(TIMEOUT_MS, () => {
      abort.abort(new Error(`no answer within ${TIMEOUT_MS} ms`));
    });
    try {
      const find = createLocalJWKSet(await fetchKeySet(this.#url, abort.signal));
      this.#keys = { find, fetchedAtMs: startedAtMs };
      this.#failing = false;
    } catch (error) {
      this.#failing = true;
      if (this.#younger(USABLE_MS) === null) this.#nextFetchAtMs = clock.monotonic() + FIRST_COOLDOWN_MS;
      if (!this.#closed) logger.warn({ err: error }, 'the keys of logins could not be fetched');
    } finally {
      this.#fetching = null;
    }
  }
}

const MAX_BYTES = 262_144;

/**
 * What lies at the address, as JSON. No redirect is followed, no more is read than a set of keys may be long. Rejects when
 * that fails, and when `signal` is aborted. Whether it is a set of keys is for who uses it to see.
 */
async function fetchKeySet(url: URL, signal: AbortSignal): Promise<JSONWebKeySet> {
  const response = await fetch(url, {
    redirect: 'error',
    headers: { accept: 'application/jwk-set+json, application/json', 'user-agent': 'tickgraph' },
    signal,
  });
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel();
    throw new Error(`HTTP status ${response.status} in place of the keys`);
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- createLocalJWKSet refuses all else
  return JSON.parse(await readBody(response.body)) as JSONWebKeySet;
}

async function readBody(body: NonNullable<Response['body']>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > MAX_BYTES) throw new Error(`more than ${MAX_BYTES} bytes in place of the keys`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
