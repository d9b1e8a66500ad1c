import { isDeepStrictEqual } from 'node:util';
import { assertNever, GatewayError } from '../../shared/errors.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Logger } from '../../shared/logger.ts';
import type { Metrics } from '../../shared/metrics.ts';
import { ANONYMOUS } from '../client.ts';
import { ApiKeyRing } from './apiKeys.ts';
import type { ApiKeySettings, KeyListener, LoggedIn } from './apiKeys.ts';
import { AttemptGate } from './AttemptGate.ts';
import { JwtVerifier } from './JwtVerifier.ts';
import type { JwtSettings } from './JwtVerifier.ts';
import type { LoginEvidence } from './loginEvidence.ts';

/** `auth` of the configuration. */
export interface AuthSettings {
  readonly mode: 'none' | 'required';
  readonly jwt: JwtSettings | null;
  readonly apiKeys: readonly ApiKeySettings[];
}

/** ClientLogins needs these. */
export interface ClientLoginsOptions {
  readonly auth: AuthSettings;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

type Verdict =
  | { readonly kind: 'accepted'; readonly login: LoggedIn }
  | { readonly kind: 'refused' | 'unsuitable'; readonly reason: string }
  | { readonly kind: 'unavailable'; readonly retryAfterMs: number };

const NOBODY: LoggedIn = { principal: ANONYMOUS, limits: null };

/** Checks logins to the gateway itself: bearer tokens and API keys. It keeps no secret of a client. */
export class ClientLogins implements Disposable {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #metrics: Metrics;
  #auth: AuthSettings;
  #jwt: JwtVerifier | null;
  readonly #apiKeys: ApiKeyRing;
  readonly #gate: AttemptGate;

  constructor({ auth, clock, logger, metrics }: ClientLoginsOptions) {
    this.#clock = clock;
    this.#logger = logger;
    this.#metrics = metrics;
    this.#auth = auth;
    this.#jwt = this.#verifierOf(auth);
    this.#apiKeys = new ApiKeyRing(auth.apiKeys);
    this.#gate = new AttemptGate(clock, (address) => {
      logger.warn({ address }, 'ten logins of an address failed within a minute; it has to wait');
    });
  }

  /**
   * Checks logins by these settings from now on. Logins with an API key that is gone end; every other login stays until it
   * expires, and so do clients that are connected without one.
   */
  replace(auth: AuthSettings): void {
    const former = this.#auth;
    if (!isDeepStrictEqual(former.jwt, auth.jwt)) {
      const verifier = this.#verifierOf(auth);
      this.#jwt?.[Symbol.dispose]();
      this.#jwt = verifier;
    }
    this.#auth = auth;
    this.#apiKeys.replace(auth.apiKeys);
  }

  /** Follows the API key of a login until disposed of; null for any other login. The listener is never called at once. */
  watch(login: LoggedIn, listener: KeyListener): Disposable | null {
    if (login.principal.kind !== 'apiKey') return null;
    return this.#apiKeys.watch(login, listener) ?? this.#clock.after(0, listener.revoked);
  }

  /** True if every client must log in. */
  get required(): boolean {
    return this.#auth.mode === 'required';
  }

  /** False if no kind of login is configured: then whatever a client or a proxy sends as one is ignored. */
  get areChecked(): boolean {
    return this.required || this.#jwt !== null || this.#apiKeys.size > 0;
  }

  /**
   * Checks the login that a client sent. If logins are configured, a login must be valid even if none is required; if none are
   * configured, every client is anonymous. Rejects with UNAUTHENTICATED, or with RATE_LIMITED (and when to retry) if the address
   * failed too often or the login can't be checked at the moment.
   */
  async verify(evidence: LoginEvidence | null, address: string): Promise<LoggedIn> {
    if (evidence === null || !this.areChecked) {
      if (!this.required) return NOBODY;
      this.#count('refused');
      throw new GatewayError('UNAUTHENTICATED', 'Log in first: send a bearer token or an API key.');
    }
    const verdict = await this.#judge(evidence, address);
    switch (verdict.kind) {
      case 'accepted':
        this.#count('accepted');
        return verdict.login;
      case 'refused':
      case 'unsuitable':
        this.#count('refused');
        this.#logger.info({ address, sent: evidence.kind, reason: verdict.reason }, 'login refused');
        throw new GatewayError('UNAUTHENTICATED', 'This login is not valid, or no longer valid: log in again.');
      case 'unavailable':
        this.#count('unavailable');
        throw new GatewayError('RATE_LIMITED', "Logins can't be checked at the moment: try again later.", {
          retryAfterMs: verdict.retryAfterMs,
        });
      default:
        return assertNever(verdict);
    }
  }

  [Symbol.dispose](): void {
    this.#jwt?.[Symbol.dispose]();
    this.#gate[Symbol.dispose]();
  }

  #verifierOf({ jwt }: AuthSettings): JwtVerifier | null {
    if (jwt === null) return null;
    if (jwt.audience === null) {
      this.#logger.warn('auth.jwt.audience is not set: tokens for other services are accepted');
    }
    return new JwtVerifier({ settings: jwt, clock: this.#clock, logger: this.#logger });
  }

  async #judge(evidence: LoginEvidence, address: string): Promise<Verdict> {
    try {
      return await this.#gate.run(
        address,
        () => this.#check(evidence),
        // A client with a token of the issuer does not guess, even if the token has expired.
        ({ kind }) => kind === 'refused',
      );
    } catch (error) {
      if (error instanceof GatewayError && error.code === 'RATE_LIMITED') this.#count('limited');
      throw error;
    }
  }

  async #check(evidence: LoginEvidence): Promise<Verdict> {
    switch (evidence.kind) {
      case 'token': {
        const verdict = (await this.#jwt?.verify(evidence.token)) ?? {
          kind: 'refused',
          reason: 'no tokens configured',
        };
        if (verdict.kind !== 'accepted') return verdict;
        return { kind: 'accepted', login: { principal: verdict.principal, limits: null } };
      }
      case 'apiKey': {
        const login = this.#apiKeys.find(evidence.apiKey);
        return login === null ? { kind: 'refused', reason: 'unknown API key' } : { kind: 'accepted', login };
      }
      default:
        return assertNever(evidence);
    }
  }

  #count(outcome: 'accepted' | 'refused' | 'limited' | 'unavailable'): void {
    this.#metrics.logins.inc({ outcome });
  }
}
