import { REDACTED } from '../shared/logger.ts';
import { isMap } from './fields.ts';
import type { Config } from './schema.ts';

/** The settings that must not be shown; `*` stands for any key or index. There is no other such list for the configuration. */
const SECRET_PATHS: readonly (readonly string[])[] = [
  ['metrics', 'token'],
  ['auth', 'jwt', 'secret'],
  ['auth', 'apiKeys', '*', 'sha256'],
  ['bus', 'redis', 'url'],
  ['brokers', '*', 'token'],
  ['brokers', '*', 'accountId'],
];

/** Settings that are not secret, but long, and may therefore come from a file too. */
const LONG_PATHS: readonly (readonly string[])[] = [
  ['auth', 'jwt', 'publicKey'],
  ['auth', 'apiKeys'],
];

function isSecret(path: readonly string[]): boolean {
  return SECRET_PATHS.some((pattern) => matches(pattern, path));
}

/** True if a `…_FILE` variable may name a file that contains this setting. */
export function mayComeFromFile(path: readonly string[]): boolean {
  return isSecret(path) || LONG_PATHS.some((pattern) => matches(pattern, path));
}

/** The configuration with secrets masked. In the Redis URL only user name and password are masked. */
export function maskSecrets(config: Config): unknown {
  return mask(config, []);
}

function mask(value: unknown, path: readonly string[]): unknown {
  if (isSecret(path) && value !== null) {
    return path[0] === 'bus' && typeof value === 'string' ? maskUserInfo(value) : REDACTED;
  }
  if (Array.isArray(value)) return value.map((item, index) => mask(item, [...path, String(index)]));
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mask(item, [...path, key])]));
}

/** Masks user name and password in URLs such as `redis://user:password@host`. */
export function maskUserInfo(text: string): string {
  return text.replace(/:\/\/[^/?#]*@/, `://${REDACTED}@`);
}

function matches(pattern: readonly string[], path: readonly string[]): boolean {
  return pattern.length === path.length && pattern.every((step, index) => step === '*' || step === path[index]);
}
