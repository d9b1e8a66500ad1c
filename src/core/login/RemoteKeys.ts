import { createLocalJWKSet, errors } from 'jose';
import type { JWK, JWTVerifyGetKey, JSONWebKeySet } from 'jose';
import { withoutByteOrderMark } from '../../shared/byteOrderMark.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Logger } from '../../shared/logger.ts';

const TIMEOUT_MS = 5_000;
/** Older keys are fetched again before use. A withdrawn key may go on working for this long. */
const FRESH_MS = 600_000;
/** How long keys are used while their server can't be reached. */
const USABLE_MS = 86_400_000;
/** The shortest time between two fetches, whatever key a token names or lacks. */
const COOLDOWN_MS = 30_000;
/** The same as long as there is no key at all. */
const FIRST_COOLDOWN_MS = 5_000;

/** Thrown if a token can't be checked at the moment, because there are no current keys. */
export class KeysUnavailableError extends Error {
  override readonly name = 'KeysUnavailableError';
  readonly retryAfterMs: number;

  constructor(retryAfterMs: number) {
    super('the keys that verify logins could not be fetched');
    this.retryAfterMs = retryAfterMs;
  }
}

/** The place from which keys are fetched. */
export interface RemoteKeysOptions {
  /** An https URL, or http on loopback. The configuration ensures this. */
  readonly url: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A set of keys, as it was fetched. */
export interface KeySet {
  readonly find: JWTVerifyGetKey;
  readonly names: ReadonlySet<string>;
  readonly fetchedAtMs: number;
}

/**
 * The key set (JWKS) of the tokens' issuer. It is fetched when it is first needed, and again when it is ten minutes old or a
 * token names a key that it does not contain (the issuer has rotated keys), but at most every thirty seconds. There is one fetch
 * at a time, and callers wait for it, unless the server has been failing and there are older keys to use.
 */
export class RemoteKeys implements Disposable {
  readonly #options: RemoteKeysOptions;
  readonly #url: URL;
  #keys: KeySet | null = null;
  /** True if the last fetch failed. */
  #failing = false;
  #nextFetchAtMs = Number.NEGATIVE_INFINITY;
  #fetching: { readonly done: Promise<void>; readonly abort: AbortController } | null = null;
  #closed = false;

  constructor(options: RemoteKeysOptions) {
    this.#options = options;
    this.#url = new URL(options.url);
  }

  /** Finds the key of a token. Rejects with KeysUnavailableError, or with jose's error if no key fits. */
  readonly find: JWTVerifyGetKey = async (header, jws) => {
    const keys = await this.#current();
    try {
      return await keys.find(header, jws);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      // The issuer may have rotated keys since the last fetch: only newer keys show that there is no such key.
      await this.#refresh();
      if (this.#keys !== null && this.#keys !== keys) return await this.#keys.find(header, jws);
      throw this.#unavailable();
    }
  };

  /** The keys that were fetched last. Null: none yet. */
  get keys(): KeySet | null {
    return this.#keys;
  }

  /**
   * Makes sure that the keys are newer than these, with which the signature of a token was wrong. Resolves with false if they
   * can't be fetched now, but have one of the name that the token gives. Without such a name only newer keys show whether the
   * token is the issuer's, so then it rejects with KeysUnavailableError.
   */
  async fetchNewer(than: KeySet | null, name: string | undefined): Promise<boolean> {
    if (this.#keys === than) await this.#refresh();
    if (this.#keys !== than) return true;
    if (name !== undefined && this.#keys?.names.has(name) === true) return false;
    throw this.#unavailable();
  }

  /** Aborts a running fetch. Nothing is fetched afterwards. */
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

  /** Fetches the keys. It never rejects, and resolves at once if it is too early for another fetch. */
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
      const set = await fetchKeySet(this.#url, abort.signal);
      const find = finderOf(set);
      const names = new Set(set.keys.flatMap(({ kid }) => kid ?? []));
      this.#keys = { find, names, fetchedAtMs: startedAtMs };
      this.#failing = false;
    } catch (error) {
      this.#failing = true;
      if (this.#younger(USABLE_MS) === null) this.#nextFetchAtMs = clock.monotonic() + FIRST_COOLDOWN_MS;
      if (!this.#closed) logger.warn({ err: error }, 'fetching the keys that verify logins failed');
    } finally {
      this.#fetching = null;
    }
  }
}

/**
 * Finds keys in the set. A key need not have a name (RFC 7517, 4.5): if none has the name that a token gives, those without one
 * may be meant. Throws if it is no key set.
 */
function finderOf(set: JSONWebKeySet): JWTVerifyGetKey {
  const all = createLocalJWKSet(set);
  const keys = all.jwks().keys.map(withEitherName);
  const find = createLocalJWKSet({ keys });
  const findUnnamed = createLocalJWKSet({ keys: keys.filter(({ kid }) => kid === undefined) });
  return async (header, jws) => {
    try {
      return await find(header, jws);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      const { kid: _kid, ...nameless } = header;
      return await findUnnamed(nameless, jws);
    }
  };
}

/** Ed25519 signatures have two names, of which the older is EdDSA (RFC 9864): a key that gives one verifies tokens with either. */
function withEitherName(key: JWK): JWK {
  if (key.crv !== 'Ed25519' || (key.alg !== 'EdDSA' && key.alg !== 'Ed25519')) return key;
  const { alg: _alg, ...rest } = key;
  return rest;
}

const MAX_BYTES = 262_144;

/**
 * Fetches the JSON at the URL. It follows no redirect and reads at most MAX_BYTES. It rejects if that fails, and when `signal` is
 * aborted. It does not check whether the result is a key set.
 */
async function fetchKeySet(url: URL, signal: AbortSignal): Promise<JSONWebKeySet> {
  const response = await fetch(url, {
    redirect: 'error',
    headers: { accept: 'application/jwk-set+json, application/json', 'user-agent': 'tickgraph' },
    signal,
  });
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel();
    throw new Error(`HTTP status ${response.status} instead of the keys`);
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- createLocalJWKSet rejects anything else
  return JSON.parse(withoutByteOrderMark(await readBody(response.body))) as JSONWebKeySet;
}

async function readBody(body: NonNullable<Response['body']>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > MAX_BYTES) throw new Error(`more than ${MAX_BYTES} bytes instead of the keys`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
