import { z } from 'zod';
import { isMap, listOf, oneOf, secretText, section, text, url } from './fields.ts';
import { LIMITS } from './limits.ts';
import { withRule } from './rule.ts';

/** By where the key comes from, so that a public key is never taken for a shared secret. */
const SECRET_ALGORITHMS = ['HS256', 'HS384', 'HS512'] as const;
const PUBLIC_KEY_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const;

const printable = text('text of at most 1024 characters', /^[^\p{Cc}]+$/u, 1_024);
const audienceExpected = 'an audience, or a list of audiences';

const jwt = withRule(
  withRule(
    section({
      jwksUrl: url('https:', 'http:').nullable().default(null),
      /** Of HS256 and its kin: 32 characters at least. */
      secret: secretText('a secret of 32 characters or more, without white space', 32).nullable().default(null),
      /** PEM. */
      publicKey: text('a public key in PEM format', /^\s*-----BEGIN [A-Z ]+-----/, 16_384)
        .nullable()
        .default(null),
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
    }),
    {
      holds: ({ jwksUrl, secret, publicKey }) =>
        [jwksUrl, secret, publicKey].filter((key) => key !== null).length === 1,
      expected: 'exactly one of jwksUrl, secret and publicKey',
      at: 'jwksUrl',
    },
  ),
  {
    holds: ({ secret, algorithms }) =>
      !Array.isArray(algorithms) ||
      algorithms.every((algorithm) => SECRET_ALGORITHMS.some((name) => name === algorithm) === (secret !== null)),
    expected: 'HS256, HS384, HS512 with a secret, and only other algorithms with a public key or jwksUrl',
    at: 'algorithms',
  },
);

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
