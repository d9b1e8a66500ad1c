import { InvalidArgumentError, Option } from 'commander';
import { socketUrl } from './gateway/GatewayClient.ts';
import { isInterval } from './gateway/eventOf.ts';
import { CANDLE_INTERVALS } from '../market/marketData.ts';
import type { CandleInterval, FeedType } from '../market/marketData.ts';
import { RAW_TYPES } from '../raw/messages.ts';

const GATEWAY = 'http://127.0.0.1:4000';
const MAX_DEPTH = 1_000;
const MAX_PORT = 65_535;
const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A list of types, as `tick,trade`. */
export function typesOption(usual: string): Option {
  return new Option(
    '-t, --types <types>',
    `of ${RAW_TYPES.join(', ')}, with commas between (default: ${usual})`,
  ).argParser((text): readonly FeedType[] => {
    const names = text.split(',').map((name) => name.trim());
    const types = RAW_TYPES.filter((type) => names.includes(type));
    if (names.every((name) => RAW_TYPES.some((type) => type === name))) return types;
    throw new InvalidArgumentError(`Expected some of ${RAW_TYPES.join(', ')}, with commas between.`);
  });
}

export function intervalOption(): Option {
  const intervals = Object.keys(CANDLE_INTERVALS).join(', ');
  return new Option('-i, --interval <interval>', `the interval of candles: ${intervals}`)
    .default('1m')
    .argParser((text): CandleInterval => {
      if (isInterval(text)) return text;
      throw new InvalidArgumentError(`Expected one of ${intervals}.`);
    });
}

export function depthOption(description: string): Option {
  return new Option('-d, --depth <levels>', description).argParser((text) => wholeNumber(text, 1, MAX_DEPTH));
}

export function urlOption(): Option {
  return new Option('-u, --url <url>', 'the gateway').default(GATEWAY).argParser((text) => {
    const url = URL.canParse(text) ? new URL(text) : null;
    if (url === null || !['http:', 'https:', 'ws:', 'wss:'].includes(url.protocol)) {
      throw new InvalidArgumentError(`Expected a URL such as ${GATEWAY}.`);
    }
    socketUrl(text);
    return text;
  });
}

export function portOption(): Option {
  return new Option('-p, --port <port>', 'the port to listen on (default: that of the configuration, 4000)').argParser(
    (text) => wholeNumber(text, 0, MAX_PORT),
  );
}

/** A duration in milliseconds, from a text such as `90s`, `10m`, `8h`. */
export function durationOf(text: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const ms = Number(digits) * (UNITS[unit] ?? 0);
  // A timer takes no more.
  if (ms > 0 && ms < 2 ** 31) return ms;
  throw new InvalidArgumentError('Expected a duration of less than 25 days, such as 90s, 10m or 8h.');
}

/** How many times as fast; `max` and 0: as fast as clients take it. */
export function speedOf(text: string): number {
  if (text === 'max' || text === '0') return Infinity;
  const speed = /^\d{1,6}(?:\.\d{1,6})?$/.test(text) ? Number(text) : 0;
  if (speed > 0) return speed;
  throw new InvalidArgumentError('Expected a number above 0, or max.');
}

function wholeNumber(text: string, from: number, to: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= from && value <= to) return value;
  throw new InvalidArgumentError(`Expected a whole number from ${from} to ${to}.`);
}
