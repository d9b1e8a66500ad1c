/** What a client gives a broker to be let in with; each venue asks for some of it. Never logged, stored or sent on. */
export interface BrokerCredentials {
  readonly apiKey: string | null;
  readonly apiSecret: string | null;
  readonly accountId: string | null;
  readonly token: string | null;
}

/** Credentials that are lent for the moment of their use: nothing of them may be kept afterwards. */
export interface CredentialSource<Credentials = BrokerCredentials> {
  use<T>(task: (credentials: Credentials) => T): T;
}
