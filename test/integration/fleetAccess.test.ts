import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { Fleet } from '../support/Fleet.ts';
import { projectFolder } from '../support/GatewayProcess.ts';
import { RawClient } from '../support/RawClient.ts';
import { LACKS_REDIS } from '../support/lacksRedis.ts';
import { waitFor } from '../support/waitFor.ts';

const PAGE = readFileSync(`${projectFolder}docs/scaling.md`, 'utf8');
const COMMAND = /^ACL SETUSER .*$/m.exec(PAGE)?.[0].split(' ') ?? [];
const USER = `${COMMAND[2]}:${COMMAND.find((word) => word.startsWith('>'))?.slice(1)}`;
/** Commands that the user may give, without the `+`. */
const ALLOWED = COMMAND.filter((word) => word.startsWith('+')).map((word) => word.slice(1));
/** The test itself gives these, as the default user. */
const OF_THE_TEST = ['acl', 'info', 'config'];

/** The commands that Redis has executed since it started, also inside of scripts. */
async function executed(fleet: Fleet): Promise<readonly string[]> {
  const text = String(await fleet.redis.ask('INFO', 'commandstats'));
  const names = [...text.matchAll(/^cmdstat_([\w|-]+):calls=[1-9]/gm)].map(([, name = '']) => name);
  return [...new Set(names)].filter((name) => !OF_THE_TEST.includes(name.split('|')[0] ?? ''));
}

it.skipIf(LACKS_REDIS)(
  'gateways do all that they do as the user of the documentation, who may do nothing else',
  async () => {
    await using fleet = await Fleet.start({ login: { command: COMMAND, user: USER } });
    await fleet.redis.ask('ACL', 'LOG', 'RESET');
    await fleet.trades(20);
    const third = await fleet.add();
    await fleet.untilLive();
    // The venue asks one of them for a pause, which holds for all.
    fleet.venue.faults.rest.nextStatus(429, { retryAfterSeconds: 1 });
    await using visitor = await RawClient.connect(`${third.url.replace('http', 'ws')}/ws`);
    await visitor.subscribe('binance', ['ETHUSDT'], ['trade'], { history: 10 });
    await waitFor(async () => (await executed(fleet)).includes('hset'), 'a pause that is announced');
    fleet.gateway(0).process.kill('SIGTERM');
    await fleet.gateway(0).process.exited();
    await fleet.trades(10, [fleet.gateway(1), third]);
    await fleet.settle([fleet.gateway(1), third]);
    expect(await fleet.redis.ask('ACL', 'LOG')).toEqual([]);
    await waitFor(async () => (await executed(fleet)).includes('unsubscribe'), 'a stream that is given up');
    expect((await executed(fleet)).toSorted()).toEqual(ALLOWED.toSorted());
  },
);
