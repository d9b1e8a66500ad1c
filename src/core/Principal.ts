import { assertNever } from '../shared/assertNever.ts';

/** Who a client is to the gateway itself. `expiresAtMs`: wall milliseconds; null: its login does not end by itself. */
export type Principal =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'apiKey'; readonly id: string; readonly roles: readonly string[] }
  | {
      readonly kind: 'jwt';
      readonly issuer: string | null;
      readonly subject: string;
      readonly roles: readonly string[];
      readonly expiresAtMs: number;
    };

export const ANONYMOUS: Principal = { kind: 'anonymous' };

/** The one role there is: may take brokers in and out of service. */
export const ADMIN = 'admin';

export function hasRole(principal: Principal, role: string): boolean {
  return principal.kind !== 'anonymous' && principal.roles.includes(role);
}

/** Stands for the client itself, whichever login it has just now. */
export function principalName(principal: Principal): string {
  switch (principal.kind) {
    case 'anonymous':
      return 'anonymous';
    case 'apiKey':
      return JSON.stringify(['apiKey', principal.id]);
    case 'jwt':
      return JSON.stringify(['jwt', principal.issuer, principal.subject]);
    default:
      return assertNever(principal);
  }
}

export function samePrincipal(a: Principal, b: Principal): boolean {
  return principalName(a) === principalName(b);
}
