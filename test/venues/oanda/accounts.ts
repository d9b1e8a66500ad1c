export interface AccountDraft {
  readonly id: string;
  /** May be shared: one person's token is good for all accounts of that person. */
  readonly token: string;
  /** Every price of this account is that many pips above those of an account with none. @default 0 */
  readonly shift?: number;
  /** Names of what this account is offered. @default everything that is listed */
  readonly instruments?: readonly string[];
  /** @default [] */
  readonly tags?: readonly string[];
  readonly mt4AccountID?: number;
  /** False: the account is listed, and everything else about it is refused. @default true */
  readonly tradable?: boolean;
}

/** Two people, known from the start unless options say otherwise. Their prices are apart. Invented; they open nothing. */
export const DEFAULT_ACCOUNTS = [
  { id: '101-004-1000001-001', token: `${'0a'.repeat(16)}-${'1b'.repeat(16)}` },
  { id: '101-004-2000002-001', token: `${'2c'.repeat(16)}-${'3d'.repeat(16)}`, shift: 50 },
] as const satisfies readonly AccountDraft[];

export type Standing = 'ok' | 'malformed' | 'foreign' | 'not-tradable';

/** Which token is good for which accounts, now. */
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
