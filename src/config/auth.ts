import { z } from 'zod';
import { PUBLIC_KEY_ALGORITHMS, SECRET_ALGORITHMS, readPublicKey, usableAlgorithms } from '../shared/jwtKeys.ts';
import { isMap, keySetUrl, listOf, oneOf, publicKey, secretText, section, text } from './fields.ts';
import { LIMITS } from './limits.ts';
import { withRule } from './rule.ts';
import type { Rule } from './rule.ts';

const printable = text('text of at most 1024 characters', /^[^\p{Cc}]+$/u, 1_024);
const audienceExpected = 'an audience, or a list of audiences';

const jwtSettings = section({
  jwksUrl: keySetUrl().nullable().default(null),
  /** Of HS256 and its kin: 32 characters at least. */
  secret: secretText('a secret of 32 characters or more, without white space', 32).nullable().default(null),
  /** PEM. */
  publicKey: publicKey().nullable().default(null),
  issuer: printable.nullable().default(null),
  audience: z
    .union([printable, listOf(printable, audienceExpected, 32).min(1)], { error: audienceExpected })
    .nullable()
    .default(null),
  /** Null: HS256 where there is a secret, else RS256 and ES256. */
  algorithms: listOf(oneOf([...SECRET_ALGORITHMS, ...PUBLIC_KEY_ALGORITHMS]), 'a list of algorithms', 13)
    .min(1, { error: 'at least one algorithm' })
    .nullable()
    .default(null),
});

const RULES: readonly Rule[] = [
  {
    holds: ({ jwksUrl, secret, publicKey: pem }) => [jwksUrl, secret, pem].filter((key) => key !== null).length === 1,
    expected: 'exactly one of jwksUrl, secret and publicKey',
    at: 'jwksUrl',
  },
  {
    holds: ({ secret, algorithms }) =>
      !Array.isArray(algorithms) ||
      algorithms.every((algorithm) => SECRET_ALGORITHMS.some((name) => name === algorithm) === (secret !== null)),
    expected: 'HS256, HS384, HS512 with a secret, and only other algorithms with a public key or jwksUrl',
    at: 'algorithms',
  },
  {
    holds: ({ publicKey: pem, algorithms }) => {
      const key = typeof pem === 'string' ? readPublicKey(pem) : null;
      if (key === null || (algorithms !== null && !Array.isArray(algorithms))) return true;
      return usableAlgorithms(key.algorithms, algorithms).length > 0;
    },
    expected:
      'an algorithm of the key: RS or PS with 256, 384 or 512 of RSA; ES256, ES384, ES512 of P-256, P-384, P-521; EdDSA of Ed25519',
    at: 'algorithms',
  },
];

const jwt = RULES.reduce(withRule, jwtSettings);

const apiKey = section({
  id: text('an id of letters, digits, - and _, 64 at most', /^[\w-]{1,64}$/),
  /** Of the key's secret part, in hexadecimal. */
  sha256: text('a SHA-256 digest: 64 hexadecimal digits', /^[0-9a-fA-F]{64}$/),
  roles: listOf(oneOf(['admin']), 'a list of roles', 16).default([]),
  /** In place of those of `limits`. */
  limits: section(LIMITS).partial().prefault({}),
});

/** Who may use the gateway itself; a broker's credentials are another matter. */
export const authSchema = withRule(
  section({
    mode: oneOf(['none', 'required']).default('none'),
    jwt: jwt.nullable().default(null),
    apiKeys: listOf(apiKey, 'a list of API keys')
      .refine((keys) => new Set(keys.map(({ id }) => id)).size === keys.length, {
        error: 'API keys whose ids differ from one another',
      })
      .default([]),
  }),
  {
    holds: ({ mode, jwt: login, apiKeys }) =>
      mode !== 'required' || isMap(login) || !Array.isArray(apiKeys) || apiKeys.length > 0,
    expected: 'auth.jwt or auth.apiKeys beside it',
    at: 'mode',
  },
);
