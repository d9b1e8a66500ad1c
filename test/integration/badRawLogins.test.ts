import { it } from 'vitest';
import { expectHarmlessFlood } from '../support/badLogins.ts';
import type { LogIn } from '../support/badLogins.ts';
import { upgrade } from '../support/httpExchange.ts';

/** Returns the status of the raw protocol's handshake. */
const byHandshake: LogIn = async ({ urls }, key, headers) =>
  (await upgrade(urls.http, '/ws', { ...headers, 'x-api-key': key })).status;

it('ten thousand bad logins in raw handshakes are checked ten times, leave nothing behind, and delay nobody else', async () => {
  await expectHarmlessFlood(byHandshake, { good: 101, bad: 401, limited: 429 });
}, 180_000);
