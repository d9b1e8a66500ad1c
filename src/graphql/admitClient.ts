import type { LoggedIn } from '../core/login/ApiKeyRing.ts';
import { askerOf } from '../core/askerOf.ts';
import type { LoginEvidence } from '../core/login/loginEvidence.ts';
import type { ClientAddress } from '../core/ClientAddress.ts';
import { refusePlainText } from '../core/refusePlainText.ts';
import type { Services } from '../core/Services.ts';
import type { Session } from '../core/Sessions.ts';
import type { Asker } from '../shared/FairQueue.ts';

export interface AdmissionRequest {
  readonly services: Services;
  readonly address: ClientAddress;
  /** What it brings to say who it is; null: nothing. */
  readonly evidence: LoginEvidence | null;
  /** Of a session that it had before; null: it begins one. */
  readonly sessionToken: string | null;
}

/** A client that was let in. It uses its session until this is disposed of. */
export interface AdmittedClient extends Disposable {
  readonly address: ClientAddress;
  readonly login: LoggedIn;
  readonly session: Session;
  readonly asker: Asker;
}

/**
 * Lets a client in, over whatever protocol. Rejects with UNAUTHENTICATED (no login, a wrong one, or no such session),
 * FORBIDDEN (over plain text from afar), RATE_LIMITED.
 */
export async function admitClient(request: AdmissionRequest): Promise<AdmittedClient> {
  const { services, address, evidence, sessionToken } = request;
  if (evidence !== null || sessionToken !== null) refusePlainText(address, services.allowInsecureCredentials);
  const login = await services.logins.verify(evidence, address.address);
  const { principal } = login;
  const asker = askerOf(principal, address);
  const use =
    sessionToken === null
      ? services.sessions.begin(principal, asker)
      : services.sessions.resume(sessionToken, principal);
  return {
    address,
    login,
    asker,
    session: use.session,
    [Symbol.dispose]: () => {
      use[Symbol.dispose]();
    },
  };
}
