export interface AccountDraft {
  readonly id: string;
  /** Accounts may share a token: one person's token is valid for all accounts of that person. */
  readonly token: string;
  /** Every price of this account is higher by this many pips than without a shift. @default 0 */
  readonly shift?: number;
  /** The names of the instruments that this account is offered. @default everything that is listed */
  readonly instruments?: readonly string[];
  /** @default [] */
  readonly tags?: readonly string[];
  readonly mt4AccountID?: number;
  /** If false, the account is listed, and everything else about it is refused. @default true */
  readonly tradable?: boolean;
}

/**
 * The accounts of two invented people, known from the start unless options say otherwise. Their prices differ, and they
 * open nothing anywhere else.
 */
export const DEFAULT_ACCOUNTS = [
  { id: '101-004-1000001-001', token: `${'0a'.repeat(16)}-${'1b'.repeat(16)}` },
  { id: '101-004-2000002-001', token: `${'2c'.repeat(16)}-${'3d'.repeat(16)}`, shift: 50 },
] as const satisfies readonly AccountDraft[];

export type Standing = 'ok' | 'malformed' | 'foreign' | 'not-tradable';

/** The accounts for which each token is valid now. */
export class AccountTable {
  readonly all: readonly AccountDraft[];
  readonly #grants = new Map<string, Set<string>>();

  constructor(accounts: readonly AccountDraft[]) {
    this.all = accounts;
    for (const { token, id } of accounts) this.grant(token, id);
  }

  grant(token: string, accountId: string): void {
    const granted = this.#grants.get(token) ?? new Set();
    this.#grants.set(token, granted.add(accountId));
  }

  revoke(token: string): void {
    this.#grants.delete(token);
  }

  knows(token: string): boolean {
    return this.#grants.has(token);
  }

  of(token: string): AccountDraft[] {
    const granted = this.#grants.get(token);
    return this.all.filter(({ id }) => granted?.has(id) === true);
  }

  standing(token: string, accountId: string): Standing {
    if (!/^\d{3}-\d{3}-\d+-\d{3}$/.test(accountId)) return 'malformed';
    const account = this.of(token).find(({ id }) => id === accountId);
    if (account === undefined) return 'foreign';
    return account.tradable === false ? 'not-tradable' : 'ok';
  }
}
