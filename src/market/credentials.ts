/**
 * A client's credentials for a broker; each venue needs some of them. They are never logged, stored, or sent to anybody else.
 */
export interface BrokerCredentials {
  readonly apiKey: string | null;
  readonly apiSecret: string | null;
  readonly accountId: string | null;
  readonly token: string | null;
}

/** Gives access to credentials for the duration of a task. The task must not keep any part of them. */
export interface CredentialSource<Credentials = BrokerCredentials> {
  use<T>(task: (credentials: Credentials) => T): T;
}
