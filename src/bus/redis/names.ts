import { addressOf } from '../../market/marketData.ts';
import type { StreamKey } from '../../market/marketData.ts';
import { WIRE_VERSION } from './frames.ts';

/** The names of a broker's keys and channels. The part in braces keeps them together in a cluster. */
export interface BrokerNames {
  /** Which gateway leads. */
  readonly lease: string;
  /** The greatest tenure that there has been. */
  readonly fence: string;
  /** The channel on which gateways tell each other about the broker. */
  readonly control: string;
}

export function brokerNames(prefix: string, broker: string): BrokerNames {
  const base = baseOf(prefix, broker);
  return { lease: `${base}:lease`, fence: `${base}:fence`, control: `${base}:ctl` };
}

/** The channel of a stream. */
export function channelName(prefix: string, key: StreamKey): string {
  return nameOf(prefix, key, 'ch');
}

/** The Redis Stream that keeps what may not be lost of a stream. */
export function logName(prefix: string, key: StreamKey): string {
  return nameOf(prefix, key, 'log');
}

function baseOf(prefix: string, broker: string): string {
  return `${prefix}:${WIRE_VERSION}:{${broker}}`;
}

function nameOf(prefix: string, key: StreamKey, kind: 'ch' | 'log'): string {
  const { broker, symbol, type, interval } = addressOf(key);
  const base = `${baseOf(prefix, broker)}:${kind}:${type}:${encodeURIComponent(symbol)}`;
  return interval === null ? base : `${base}:${interval}`;
}
