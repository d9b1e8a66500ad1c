/** What a client may give a broker; the mock broker looks at two of them. */
export interface MockCredentials {
  readonly token?: string | null | undefined;
  readonly accountId?: string | null | undefined;
}

/** True for the one token and account that mock-oanda knows. They are public: they guard nothing. */
export function checkMockCredentials({ token, accountId }: MockCredentials): boolean {
  return token === 'mock-token' && accountId === 'mock-account';
}
