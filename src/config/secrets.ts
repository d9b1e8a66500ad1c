import { REDACTED } from '../shared/logger.ts';
import { isMap } from './fields.ts';
import type { Config } from './schema.ts';

/** Every setting that must not be shown, `*` for any key or index. The only such list of the configuration. */
const SECRET_PATHS: readonly (readonly string[])[] = [
  ['metrics', 'token'],
  ['auth', 'jwt', 'secret'],
  ['auth', 'apiKeys', '*', 'sha256'],
  ['bus', 'redis', 'url'],
  ['brokers', '*', 'token'],
  ['brokers', '*', 'accountId'],
];

/** Not secret, but longer than a line: may come from a file as secrets may. */
const LONG_PATHS: readonly (readonly string[])[] = [
  ['auth', 'jwt', 'publicKey'],
  ['auth', 'apiKeys'],
];

function isSecret(path: readonly string[]): boolean {
  return SECRET_PATHS.some((pattern) => matches(pattern, path));
}

/** Whether a `…_FILE` variable may name a file that holds this setting. */
export function mayComeFromFile(path: readonly string[]): boolean {
  return isSecret(path) || LONG_PATHS.some((pattern) => matches(pattern, path));
}

/** The configuration as it may be shown: secrets masked; of the Redis URL only its user name and password. */
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

/** `redis://user:password@host` without what stands before the last `@` of the authority. */
export function maskUserInfo(text: string): string {
  return text.replace(/:\/\/[^/?#]*@/, `://${REDACTED}@`);
}

function matches(pattern: readonly string[], path: readonly string[]): boolean {
  return pattern.length === path.length && pattern.every((step, index) => step === '*' || step === path[index]);
}
