import { describe, expect, it } from 'vitest';
import { checkOandaCredentials } from '../../../../src/brokers/oanda/checkOandaCredentials.ts';
import { OandaBudgets } from '../../../../src/brokers/oanda/OandaBudgets.ts';
import { systemClock } from '../../../../src/shared/clock.ts';
import { silentLogger } from '../../../../src/shared/logger.ts';
import { Metrics } from '../../../../src/shared/metrics.ts';
import { DEFAULT_ACCOUNTS } from '../../../venues/oanda/accounts.ts';
import { StandInOanda } from '../../../venues/oanda/StandInOanda.ts';

const [{ id: accountId, token }, other] = DEFAULT_ACCOUNTS;
const good = { token, accountId };

async function set() {
  const venue = await StandInOanda.start();
  const budgets = new OandaBudgets({ clock: systemClock });
  return {
    venue,
    budgets,
    check: (credentials: { token: string; accountId: string }, signal?: AbortSignal) =>
      checkOandaCredentials(
        credentials,
        {
          environment: 'practice',
          streamUrl: null,
          restUrl: venue.restUrl,
          budgets,
          clock: systemClock,
          random: () => 0.1,
          logger: silentLogger(),
          metrics: new Metrics(),
          brokerId: 'oanda',
        },
        signal,
      ),
    [Symbol.asyncDispose]: () => venue[Symbol.asyncDispose](),
  };
}

const failure = async (promise: Promise<void>): Promise<{ code: string; message: string }> => {
  const error = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Error) || !('code' in error)) throw new Error('no such error', { cause: error });
  return { code: String(error.code), message: error.message };
};

describe('credentials of OANDA', () => {
  it('are good if the token opens the account, and nothing is left of the question', async () => {
    await using setting = await set();
    await setting.check(good);
    expect(setting.venue.requests.map(({ path }) => path)).toEqual(['/v3/accounts']);
  });

  it.each([
    ['an empty token', { ...good, token: '' }],
    ['a token with a line feed', { ...good, token: 'a\nb' }],
    ['a token with something invisible', { ...good, token: `${token}\u200b` }],
    ['a token with a blank', { ...good, token: ` ${token}` }],
    ['a token beyond measure', { ...good, token: 'a'.repeat(513) }],
    ['an empty account', { ...good, accountId: '' }],
    ['an account that is a path', { ...good, accountId: '..' }],
    ['an account with a control character', { ...good, accountId: `${accountId}\u0000` }],
  ])('are refused before anybody is asked: %s', async (_name, credentials) => {
    await using setting = await set();
    expect(await failure(setting.check(credentials))).toMatchObject({ code: 'BAD_REQUEST' });
    expect(setting.venue.requests).toEqual([]);
  });

  it('are refused if the answer has no content: the token opens no account', async () => {
    await using setting = await set();
    setting.venue.faults.rest.nextReply(204, { body: '' });
    expect(await failure(setting.check(good))).toMatchObject({ code: 'BROKER_AUTHENTICATION_FAILED' });
  });

  it('fail with messages that a person can distinguish', async () => {
    await using setting = await set();
    const { check, venue } = setting;
    const badToken = await failure(check({ ...good, token: 'f'.repeat(65) }));
    const badAccount = await failure(check({ ...good, accountId: other.id }));
    venue.faults.rest.nextReply(200, { html: true });
    const nonsense = await failure(check({ token: other.token, accountId: other.id }));
    venue.faults.rest.nextReply(200, { body: '{"accounts":"none"}' });
    const stranger = await failure(check({ token: other.token, accountId: other.id }));
    venue.faults.refuseConnections = true;
    const unreachable = await failure(check({ token: 'unused-until-now', accountId }));
    expect([badToken, badAccount, nonsense, stranger, unreachable].map(({ code }) => code)).toEqual([
      'BROKER_AUTHENTICATION_FAILED',
      'BROKER_AUTHENTICATION_FAILED',
      'BROKER_UNAVAILABLE',
      'BROKER_UNAVAILABLE',
      'BROKER_UNAVAILABLE',
    ]);
    const messages = [badToken, badAccount, nonsense, unreachable].map(({ message }) => message);
    expect(new Set(messages).size).toBe(4);
    for (const message of messages) {
      expect(message).not.toContain(token);
      expect(message).not.toContain(accountId);
      expect(message).not.toContain('html');
    }
  });

  it.each([401, 403])('are refused by HTTP %i without a body', async (status) => {
    await using setting = await set();
    setting.venue.faults.rest.nextReply(status, { body: '' });
    expect(await failure(setting.check(good))).toMatchObject({ code: 'BROKER_AUTHENTICATION_FAILED' });
  });

  it('are not judged while the venue has too much to do', async () => {
    await using setting = await set();
    setting.venue.faults.rest.nextReply(429, { retryAfterSeconds: 60 });
    expect(await failure(setting.check(good))).toMatchObject({ code: 'BROKER_UNAVAILABLE' });
    expect(setting.venue.requests).toHaveLength(1);
  });

  it('are asked for no longer than who asks wants to know', async () => {
    await using setting = await set();
    setting.venue.faults.rest.hold = true;
    const reason = new Error('the client has left');
    const controller = new AbortController();
    const answer = setting.check(good, controller.signal);
    controller.abort(reason);
    await expect(answer).rejects.toBe(reason);
  });
});
