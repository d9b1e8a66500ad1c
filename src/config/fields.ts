import { isIP } from 'node:net';
import { z } from 'zod';
import type { Decimal } from '../market/decimal.ts';
import { compare, decimal } from '../market/decimal.ts';
import { readPublicKey } from '../shared/jwtKeys.ts';
import { parseOriginPattern } from '../shared/originPattern.ts';

// The building blocks of the schema. All checks of one setting have the same message, which says what is expected.

/** An integer within bounds. */
export function wholeNumber(min: number, max: number): z.ZodNumber {
  const error = `a whole number from ${min} to ${max}`;
  return z.number({ error }).int({ error }).min(min, { error }).max(max, { error });
}

/** A number within bounds. */
export function numberBetween(min: number, max: number): z.ZodNumber {
  const error = `a number from ${min} to ${max}`;
  return z.number({ error }).min(min, { error }).max(max, { error });
}

/** True or false. */
export function flag(): z.ZodBoolean {
  return z.boolean({ error: 'true or false' });
}

/** One of several words. */
export function oneOf<const Values extends readonly string[]>(values: Values): z.ZodEnum<{ [V in Values[number]]: V }> {
  return z.enum(values, { error: `one of: ${values.join(', ')}` });
}

/** Text that matches the pattern; `error` describes the pattern in words. */
export function text(error: string, pattern: RegExp, maxLength = 4_096): z.ZodString {
  return z.string({ error }).max(maxLength, { error }).regex(pattern, { error });
}

/** A secret: text without white space or control characters. */
export function secretText(error: string, minLength = 1): z.ZodString {
  return text(error, /^[!-~\u{A0}-\u{10FFFF}]+$/u).min(minLength, { error });
}

/** A list of at most `maxLength` items. */
export function listOf<Item extends z.ZodType>(item: Item, error: string, maxLength = 1_000): z.ZodArray<Item> {
  return z.array(item, { error }).max(maxLength, { error: `${error}, ${maxLength} at most` });
}

/** A map with fixed keys. An unknown key is a fault. */
export function section<Shape extends z.core.$ZodLooseShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  return z.strictObject(shape, { error: 'a map of settings' });
}

/** An absolute URL with one of the protocols (`https:`), without user name, password and fragment. */
export function url(...protocols: readonly string[]): z.ZodString {
  const schemes = protocols.map((protocol) => `${protocol}//`).join(' or ');
  const error = `a URL that begins with ${schemes}, without credentials and without a query`;
  // Paths are appended to it, and a query would swallow them.
  return urlThat(error, ({ protocol, search, href }) => {
    return protocols.includes(protocol) && search === '' && !href.endsWith('?');
  });
}

/** The URL of a key set. It must be protected, because whoever can alter the keys in transit can log in as anybody. */
export function keySetUrl(): z.ZodString {
  const error = 'a URL that begins with https:// (http:// only for this machine), without credentials';
  const loopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;
  return urlThat(error, ({ protocol, hostname }) => {
    return protocol === 'https:' || (protocol === 'http:' && loopback.test(hostname));
  });
}

function urlThat(error: string, allows: (url: URL) => boolean): z.ZodString {
  return z
    .string({ error })
    .max(2_048, { error })
    .refine(
      (value) => {
        const parsed = URL.parse(value);
        if (parsed === null || !allows(parsed)) return false;
        return parsed.hostname !== '' && parsed.username === '' && parsed.password === '' && parsed.hash === '';
      },
      { error },
    );
}

/** A public key that can verify logins. */
export function publicKey(): z.ZodString {
  const error = 'a public key in PEM format: RSA of 2048 bits or more, P-256, P-384, P-521 or Ed25519';
  return z.string({ error }).refine((pem) => readPublicKey(pem) !== null, { error });
}

const REDIS_SCHEMES = ['redis:', 'rediss:', 'redis+sentinel:'];

/** The URL of the Redis server. It may contain a password, and is treated as a secret. */
export function redisUrl(): z.ZodString {
  const error = 'a URL that begins with redis://, rediss:// or redis+sentinel://';
  return z
    .string({ error })
    .max(2_048, { error })
    .refine((value) => REDIS_SCHEMES.includes(URL.parse(value)?.protocol ?? ''), { error });
}

/** An origin as browsers send it in the Origin header, a pattern for all hosts below a domain, or `*` for any origin. */
export function origin(): z.ZodString {
  const error =
    'an origin such as https://app.example.org or capacitor://localhost (scheme, host and port, nothing else), ' +
    'https://*.example.org for all hosts below a domain, or "*"';
  return z.string({ error }).refine((value) => value === '*' || parseOriginPattern(value) !== null, { error });
}

/** An IP address, or a network in CIDR notation. */
export function network(): z.ZodString {
  const error = 'an IP address or a network such as 10.0.0.0/8';
  return z.string({ error }).refine(isNetwork, { error });
}

function isNetwork(value: string): boolean {
  const [address = '', bits, ...rest] = value.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

/** A price, written as a number or as text. Its digits are kept as written. */
export function priceBetween(lowest: Decimal, highest: Decimal): z.ZodType<Decimal> {
  return z.unknown().transform((value, context): Decimal => {
    try {
      const digits = decimal(typeof value === 'number' || typeof value === 'string' ? String(value) : '');
      if (compare(digits, lowest) >= 0 && compare(digits, highest) <= 0) return digits;
    } catch {
      // It is not a plain decimal: the fault is added below.
    }
    const message = `a price from ${lowest} to ${highest} in plain notation, such as 43250.10`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
}

/** True for an object that is not a list. Rules use it, because they also see settings that are missing or invalid. */
export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A condition on several settings of one section. */
export interface Rule {
  /** True if the settings go together. Settings may be missing or invalid; that must not break the rule. */
  readonly holds: (settings: Readonly<Record<string, unknown>>) => boolean;
  /** The message if the rule is broken. */
  readonly expected: string;
  /** The setting that the fault is reported for. */
  readonly at: string;
}

/** Adds a rule to a section. It is checked even if the section has other faults, so that all faults are reported at once. */
export function withRule<Section extends z.ZodObject>(settings: Section, { holds, expected, at }: Rule): Section {
  return settings.refine((values) => holds(values), {
    error: expected,
    path: [at],
    when: ({ value }) => isMap(value),
  });
}
