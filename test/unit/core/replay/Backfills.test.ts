import { expect, it } from 'vitest';
import { GatewayError } from '../../../../src/shared/errors.ts';
import { ReplayStage } from '../../../support/ReplayStage.ts';

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, at) => from + at);

it('whoever asks for the same stream in one turn has part in one request, for the earliest place', async () => {
  using stage = new ReplayStage();
  stage.stand('live');
  stage.venue.has = stage.past(1, 50);
  const clients = [30, 10, 20].map((id) => stage.join({ cursor: stage.cursorOf(id) }));
  await stage.clock.advance(0);
  expect(stage.venue.asked).toEqual(['from 10']);
  expect(clients.map(({ story }) => story[0])).toEqual([31, 11, 21]);
  for (const { story } of clients) expect(story.at(-1)).toBe(50);
});

it('cursors and history have their requests one after the other, and both are answered', async () => {
  using stage = new ReplayStage();
  stage.stand('live');
  stage.venue.has = stage.past(1, 50);
  const [one, two] = [stage.join({ cursor: stage.cursorOf(45) }), stage.join({ history: 20 })];
  await stage.clock.advance(0);
  expect(stage.venue.asked).toEqual(['from 45', 'last 20']);
  expect(one.story).toEqual(range(46, 50));
  expect(two.story).toEqual(range(31, 50));
});

it('who comes while the venue is asked waits for the answer, and asks only for what that lacks', async () => {
  using stage = new ReplayStage();
  stage.stand('live');
  stage.venue.has = stage.past(1, 50);
  const answer = Promise.withResolvers<void>();
  stage.venue.until = answer.promise;
  const first = stage.join({ cursor: stage.cursorOf(30) });
  await stage.clock.advance(0);
  const later = [40, 35, 20].map((id) => stage.join({ cursor: stage.cursorOf(id) }));
  await stage.clock.advance(0);
  expect(stage.venue.asked).toEqual(['from 30']);
  answer.resolve();
  await stage.clock.advance(0);
  expect(stage.venue.asked).toEqual(['from 30', 'from 20']);
  for (const { outcomes } of [first, ...later]) expect(outcomes).toMatchObject([{ complete: true }]);
  expect(later.map(({ story }) => story[0])).toEqual([41, 36, 21]);
});

it('a failure is that of all who waited, and the next one asks anew', async () => {
  using stage = new ReplayStage();
  stage.stand('live');
  stage.venue.has = stage.past(1, 50);
  stage.venue.failure = new Error('broken') as never;
  const clients = [30, 40].map((id) => stage.join({ cursor: stage.cursorOf(id) }));
  await stage.clock.advance(0);
  expect(stage.venue.asked).toHaveLength(1);
  stage.venue.failure = null;
  await stage.clock.advance(5_000);
  for (const { outcomes } of clients) expect(outcomes).toHaveLength(1);
  const next = stage.join({ cursor: stage.cursorOf(30) });
  await stage.clock.advance(0);
  expect(next.outcomes).toMatchObject([{ complete: true }]);
});

it('a fault of our own is logged, and a refusal of the venue is not', async () => {
  using stage = new ReplayStage();
  stage.stand('live');
  stage.venue.failure = new GatewayError('BROKER_UNAVAILABLE', 'The venue is away.');
  stage.join({ cursor: stage.cursorOf(30) });
  await stage.clock.advance(0);
  expect(stage.venue.asked).toHaveLength(1);
  expect(stage.logLines).toEqual([]);
  stage.venue.failure = new Error('broken') as never;
  stage.join({ cursor: stage.cursorOf(40) });
  await stage.clock.advance(0);
  expect(stage.logLines).toEqual([expect.stringContaining('broken')]);
});

it('nothing is asked for after the end', async () => {
  using stage = new ReplayStage();
  stage.stand('live');
  stage.venue.has = stage.past(1, 50);
  stage.join({ cursor: stage.cursorOf(30) });
  stage.backfills[Symbol.dispose]();
  await stage.clock.advance(0);
  expect(stage.venue.asked).toEqual([]);
});
