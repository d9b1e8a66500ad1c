import { isIP } from 'node:net';
import { z } from 'zod';
import type { Decimal } from '../market/decimal.ts';
import { compare, decimal } from '../market/decimal.ts';
import { readPublicKey } from '../shared/jwtKeys.ts';

// The leaves of the schema. The message of every check of a leaf is the same: what was expected there.

export function wholeNumber(min: number, max: number): z.ZodNumber {
  const error = `a whole number from ${min} to ${max}`;
  return z.number({ error }).int({ error }).min(min, { error }).max(max, { error });
}

export function numberBetween(min: number, max: number): z.ZodNumber {
  const error = `a number from ${min} to ${max}`;
  return z.number({ error }).min(min, { error }).max(max, { error });
}

export function flag(): z.ZodBoolean {
  return z.boolean({ error: 'true or false' });
}

export function oneOf<const Values extends readonly string[]>(values: Values): z.ZodEnum<{ [V in Values[number]]: V }> {
  return z.enum(values, { error: `one of: ${values.join(', ')}` });
}

/** Text that fits the pattern; `error` says in words what the pattern allows. */
export function text(error: string, pattern: RegExp, maxLength = 4_096): z.ZodString {
  return z.string({ error }).max(maxLength, { error }).regex(pattern, { error });
}

/** A secret: any text without white space or control characters. */
export function secretText(error: string, minLength = 1): z.ZodString {
  return text(error, /^[!-~\u{A0}-\u{10FFFF}]+$/u).min(minLength, { error });
}

export function listOf<Item extends z.ZodType>(item: Item, error: string, maxLength = 1_000): z.ZodArray<Item> {
  return z.array(item, { error }).max(maxLength, { error: `${error}, ${maxLength} at most` });
}

/** A map with fixed keys. An unknown one is a fault. */
export function section<Shape extends z.core.$ZodLooseShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  return z.strictObject(shape, { error: 'a map of settings' });
}

/** An absolute URL of one of the schemes (`https:`), without user name, password and fragment. */
export function url(...protocols: readonly string[]): z.ZodString {
  const error = `a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}, without credentials`;
  return urlWhere(error, ({ protocol }) => protocols.includes(protocol));
}

/** Whoever can change the keys of logins on their way can log in as anybody. */
export function keySetUrl(): z.ZodString {
  const error = 'a URL that begins with https:// (http:// for this machine alone), without credentials';
  const loopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;
  return urlWhere(error, ({ protocol, hostname }) => {
    return protocol === 'https:' || (protocol === 'http:' && loopback.test(hostname));
  });
}

function urlWhere(error: string, allows: (url: URL) => boolean): z.ZodString {
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

/** A key that logins can be verified with. */
export function publicKey(): z.ZodString {
  const error = 'a public key in PEM format: RSA of 2048 bits or more, P-256, P-384, P-521 or Ed25519';
  return z.string({ error }).refine((pem) => readPublicKey(pem) !== null, { error });
}

/** The Redis server's URL: the one that may hold a password, and is a secret for it. */
export function redisUrl(): z.ZodString {
  const error = 'a URL that begins with redis:// or rediss://';
  return z
    .string({ error })
    .max(2_048, { error })
    .refine((value) => ['redis:', 'rediss:'].includes(URL.parse(value)?.protocol ?? ''), { error });
}

/** What browsers send in an Origin header; `*` stands for any. */
export function origin(): z.ZodString {
  const error = 'an origin such as https://app.example.org (scheme, host and port, nothing else), or "*"';
  return z.string({ error }).refine((value) => value === '*' || isOrigin(value), { error });
}

function isOrigin(value: string): boolean {
  const parsed = URL.parse(value);
  return parsed !== null && ['http:', 'https:'].includes(parsed.protocol) && parsed.origin === value;
}

/** An address, or a network in CIDR notation. */
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

/** A price, its digits kept as they are written: a number in a file, or text. */
export function priceBetween(lowest: Decimal, highest: Decimal): z.ZodType<Decimal> {
  return z.unknown().transform((value, context): Decimal => {
    try {
      const digits = decimal(typeof value === 'number' || typeof value === 'string' ? String(value) : '');
      if (compare(digits, lowest) >= 0 && compare(digits, highest) <= 0) return digits;
    } catch {
      // not a plain decimal: told below
    }
    const message = `a price from ${lowest} to ${highest} in plain notation, such as 43250.10`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
}

/** For rules between settings: they look at what is there even where something beside it is at fault. */
export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export interface Rule {
  /** Whether the settings go together. Any of them may be missing or at fault: such a one breaks no rule. */
  readonly holds: (settings: Readonly<Record<string, unknown>>) => boolean;
  readonly expected: string;
  /** The setting that the fault is told of. */
  readonly at: string;
}

/** A rule between the settings of one section, checked even where the section has other faults, so that all are told at once. */
export function withRule<Section extends z.ZodObject>(settings: Section, { holds, expected, at }: Rule): Section {
  return settings.refine((values) => holds(values), {
    error: expected,
    path: [at],
    when: ({ value }) => isMap(value),
  });
}
