import type { LoggedIn } from '../core/login/ApiKeyRing.ts';
import { limitsOf } from '../core/login/limitsOf.ts';
import { LoginTerm } from '../core/login/LoginTerm.ts';
import type { Principal } from '../core/Principal.ts';
import { samePrincipal } from '../core/Principal.ts';
import type { ClientAddress } from '../core/ClientAddress.ts';
import type { Limits } from '../core/Limits.ts';
import { refusePlainText } from '../core/refusePlainText.ts';
import type { Session } from '../core/Sessions.ts';
import { GatewayError } from '../shared/errors.ts';
import type { Asker } from '../shared/FairQueue.ts';
import { admitClient } from './admitClient.ts';
import type { AdmissionRequest, AdmittedClient } from './admitClient.ts';
import type { GraphqlClient } from './context.ts';

export interface SocketAdmission extends Pick<AdmissionRequest, 'services' | 'address'> {
  /** The login ends soon: at this moment, in wall milliseconds. */
  readonly onNotice: (endsAtMs: number) => void;
  /** The login has ended, and is no longer accepted. */
  readonly onEnd: () => void;
}

/** Who is at the other end of a socket, from its login on until this is disposed of. */
export class SocketClient implements GraphqlClient, Disposable {
  readonly #admission: SocketAdmission;
  readonly #owned: DisposableStack;
  readonly #term: LoginTerm;
  readonly session: Session;
  readonly asker: Asker;
  #login: LoggedIn;

  private constructor(admission: SocketAdmission, { login, session, asker }: AdmittedClient, owned: DisposableStack) {
    const { services, onNotice, onEnd } = admission;
    this.#admission = admission;
    this.#owned = owned;
    this.#login = login;
    this.session = session;
    this.asker = asker;
    this.#term = owned.use(new LoginTerm({ principal: login.principal, clock: services.clock, onNotice, onEnd }));
  }

  /** Rejects as `admitClient`, and with LIMIT_EXCEEDED where the API key has as many connections as it may have. */
  static async admit(
    admission: SocketAdmission,
    brought: Pick<AdmissionRequest, 'evidence' | 'sessionToken'>,
  ): Promise<SocketClient> {
    const { services, address } = admission;
    using owned = new DisposableStack();
    const admitted = owned.use(await admitClient({ services, address, ...brought }));
    owned.use(services.keyConnections.take(admitted.login, address));
    return new SocketClient(admission, admitted, owned.move());
  }

  get address(): ClientAddress {
    return this.#admission.address;
  }

  get principal(): Principal {
    return this.#login.principal;
  }

  get limits(): Limits {
    return limitsOf(this.#login.limits, this.#admission.services.limits);
  }

  /** Rejects with UNAUTHENTICATED, RATE_LIMITED, and FORBIDDEN where the token is another client's: then nothing changes. */
  readonly renewLogin = async (token: string): Promise<number | null> => {
    const { services, address } = this.#admission;
    refusePlainText(address, services.allowInsecureCredentials);
    const login = await services.logins.verify({ kind: 'token', token }, address.address);
    const { principal } = login;
    if (!samePrincipal(principal, this.principal)) {
      throw new GatewayError('FORBIDDEN', 'This token is another client’s: connect anew to log in with it.');
    }
    this.#login = login;
    this.#term.renew(principal);
    return principal.kind === 'jwt' ? principal.expiresAtMs : null;
  };

  [Symbol.dispose](): void {
    this.#owned.dispose();
  }
}
