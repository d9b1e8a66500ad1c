import type { Clock } from '../../../src/shared/clock.ts';
import type { Random } from '../../../src/shared/random.ts';
import type { AccountMarket } from './AccountMarket.ts';
import type { Faults } from './Faults.ts';
import type { Admission, Gate } from './Gate.ts';
import type { Call } from './HttpHost.ts';
import { QueryParams } from './queryParams.ts';
import type { Reply } from './ReplyFaults.ts';
import { StandInStream } from './StandInStream.ts';
import type { StreamTimings } from './StandInStream.ts';
import type { StreamHub } from './StreamHub.ts';
import type { VenueTime } from './time.ts';
import { invalid, VenueError } from './VenueError.ts';

export interface StreamApiOptions {
  readonly gate: Gate;
  readonly hub: StreamHub;
  readonly faults: Faults;
  readonly time: VenueTime;
  readonly timings: StreamTimings;
  readonly clock: Clock;
  readonly random: Random;
  /** Null if the account is not offered the instrument. */
  readonly market: (accountId: string, instrument: string) => AccountMarket | null;
}

interface Wish extends Admission {
  readonly accountId: string;
  readonly instruments: readonly string[];
  readonly snapshot: boolean;
}

/** The account in a path that opens a price stream; null for every other path. */
export function streamAccount(path: string): string | null {
  return /^\/v3\/accounts\/([^/]+)\/pricing\/stream$/.exec(path)?.[1] ?? null;
}

/** The streaming half: lets the gate decide, opens the stream, and sends its snapshot. */
export class StreamApi {
  readonly #options: StreamApiOptions;
  #nextId = 1;

  constructor(options: StreamApiOptions) {
    this.#options = options;
  }

  /** Returns null if the stream has begun. */
  answer(call: Call): Reply | null {
    try {
      this.#open(call, this.#admit(call));
      return null;
    } catch (thrown) {
      if (!(thrown instanceof VenueError)) throw thrown;
      return { status: thrown.status, body: this.#options.faults.streamErrorBodies ? thrown.body : '' };
    }
  }

  #admit({ request, response, path, query }: Call): Wish {
    const { gate, market } = this.#options;
    const accountId = streamAccount(path) ?? '';
    const admission = gate.admit(request, response, accountId);
    const params = new QueryParams(query);
    const instruments = params.requiredNames('instruments');
    if (instruments.some((name) => market(accountId, name) === null)) throw invalid('instruments');
    const snapshot = params.flag('snapshot', true);
    params.flag('includeHomeConversions', false);
    gate.checkStreams(admission.token);
    return { ...admission, accountId, instruments, snapshot };
  }

  #open({ request, response }: Call, wish: Wish): void {
    const { hub, faults, time, timings, clock, random } = this.#options;
    response.writeHead(200, { 'content-type': 'application/octet-stream', connection: 'close' });
    response.flushHeaders();
    const stream: StandInStream = new StandInStream({
      ...wish,
      id: this.#nextId,
      response,
      socket: request.socket,
      time,
      timings,
      clock,
      phase: random(),
      switches: faults.stream,
      onClose: () => {
        hub.remove(stream);
      },
    });
    this.#nextId += 1;
    hub.add(stream);
    if (wish.snapshot) this.#sendSnapshot(stream);
  }

  /** Sends each instrument once, in any order. */
  #sendSnapshot(stream: StandInStream): void {
    const { market, random, faults } = this.#options;
    const waiting = [...new Set(stream.instruments)];
    while (waiting.length > 0) {
      const [name = ''] = waiting.splice(Math.floor(random() * waiting.length), 1);
      const known = market(stream.accountId, name);
      const price = faults.stream.snapshot === 'older' ? known?.older : known?.last;
      if (price !== undefined && price !== null && faults.stream.snapshot !== 'none') stream.deliver(price);
    }
  }
}
