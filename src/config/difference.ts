import { isDeepStrictEqual } from 'node:util';
import { isMap } from './fields.ts';
import type { BrokerConfig, Config } from './schema.ts';
import type { Path } from './tree.ts';

/** The ids of the brokers that a change of the configuration concerns. One may be opened anew, and enabled or disabled too. */
export interface BrokerDifference {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Other settings than `enabled` have changed. */
  readonly reopened: readonly string[];
  readonly enabled: readonly string[];
  readonly disabled: readonly string[];
}

/** The difference between two configurations. Settings are dotted paths, without their values. */
export interface ConfigDifference {
  /** These settings can be applied while the gateway runs. A broker that was added or removed is one path. */
  readonly applicable: readonly string[];
  /** These settings take a restart. */
  readonly restart: readonly string[];
  readonly brokers: BrokerDifference;
}

/** Everything below these paths can be applied while the gateway runs; every other setting takes a restart. */
export const APPLICABLE: readonly string[] = [
  'server.shutdownTimeoutMs',
  'server.allowedOrigins',
  'server.trustedProxies',
  'server.allowInsecureCredentials',
  'metrics',
  'auth',
  'sessions',
  'limits',
  'feeds',
  'graphql',
  'log.level',
  'brokers',
];

/** The configurations to compare. */
export interface ComparedConfigs {
  /** The one that the gateway was started with: what takes a restart is still so. */
  readonly started: Config;
  /** The one that was applied last. */
  readonly running: Config;
  readonly next: Config;
}

/** Finds what has changed, what of it can be applied, and which brokers it concerns. */
export function differenceOf({ started, running, next }: ComparedConfigs): ConfigDifference {
  return {
    applicable: changedPaths(running, next).filter(isApplicable),
    restart: changedPaths(started, next).filter((path) => !isApplicable(path)),
    brokers: brokerDifference(running.brokers, next.brokers),
  };
}

type Brokers = Config['brokers'];

/** Finds the brokers that differ, in the order of the configuration. From no brokers to some, all of them are added. */
export function brokerDifference(before: Brokers, after: Brokers): BrokerDifference {
  const kept = Object.entries(after).flatMap(([id, next]) => {
    const former = before[id];
    return former === undefined ? [] : [{ id, former, next }];
  });
  const idsOf = (picked: typeof kept): readonly string[] => picked.map(({ id }) => id);
  return {
    added: Object.keys(after).filter((id) => before[id] === undefined),
    removed: Object.keys(before).filter((id) => after[id] === undefined),
    reopened: idsOf(kept.filter(({ former, next }) => !isDeepStrictEqual(settingsOf(former), settingsOf(next)))),
    enabled: idsOf(kept.filter(({ former, next }) => !former.enabled && next.enabled)),
    disabled: idsOf(kept.filter(({ former, next }) => former.enabled && !next.enabled)),
  };
}

function settingsOf({ enabled: _enabled, ...settings }: BrokerConfig): object {
  return settings;
}

/** True if a change of the setting is applied while the gateway runs. */
export function isApplicable(path: string): boolean {
  return APPLICABLE.some((top) => path === top || path.startsWith(`${top}.`));
}

function changedPaths(before: unknown, after: unknown, path: Path = []): readonly string[] {
  if (isMap(before) && isMap(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...keys].flatMap((key) => changedPaths(before[key], after[key], [...path, key]));
  }
  return isDeepStrictEqual(before, after) ? [] : [path.join('.')];
}
