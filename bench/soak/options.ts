import { parseArgs } from 'node:util';

export interface SoakOptions {
  readonly mode: 'soak' | 'resume' | 'fleet';
  readonly seed: number;
  readonly totalMs: number;
  readonly clients: number;
  /** Violations are written to this folder. */
  readonly out: string;
  /** A trade is taken away from one client, to prove that the oracle notices. */
  readonly plant: boolean;
  /** False: the gateway is never restarted. */
  readonly restarts: boolean;
}

export const USAGE = `npm run soak -- [soak|resume|fleet] [options]
  --minutes 5     how long it runs (resume: how long clients are cut; measuring comes after)
  --hours N       the same in hours
  --seed N        the same seed gives the same schedule of faults and the same clients (default: of the clock)
  --clients N     how many clients (soak and fleet: 24, resume: 500)
  --no-restarts   the gateway is never restarted
  --plant         takes one trade away from one client: the run must fail
  --out FOLDER    where violations are written to (bench/results)
  --help`;

/** Throws a TypeError for arguments that make no sense. */
export function readOptions(args: readonly string[]): SoakOptions | null {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      minutes: { type: 'string' },
      hours: { type: 'string' },
      seed: { type: 'string' },
      clients: { type: 'string' },
      out: { type: 'string', default: new URL('../results', import.meta.url).pathname },
      plant: { type: 'boolean', default: false },
      'no-restarts': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  const [mode = 'soak', ...rest] = positionals;
  if ((mode !== 'soak' && mode !== 'resume' && mode !== 'fleet') || rest.length > 0)
    throw new TypeError(`soak, resume or fleet, not ${mode}`);
  const minutes = values.hours === undefined ? count(values.minutes, 5) : count(values.hours, 1) * 60;
  return {
    mode,
    seed: count(values.seed, Date.now() % 1_000_000),
    totalMs: minutes * 60_000,
    clients: count(values.clients, mode === 'resume' ? 500 : 24),
    out: values.out,
    plant: values.plant,
    restarts: !values['no-restarts'],
  };
}

function count(text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!(value > 0)) throw new TypeError(`${text} is no number above zero`);
  return value;
}
