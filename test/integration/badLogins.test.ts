import { once } from 'node:events';
import { Agent, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { it } from 'vitest';
import { AT_ONCE, expectHarmlessFlood } from '../support/badLogins.ts';
import type { LogIn } from '../support/badLogins.ts';

const agent = new Agent({ keepAlive: true, maxSockets: 2 * AT_ONCE });

const byRequest: LogIn = async ({ urls }, key, headers) => {
  const all = { ...headers, 'content-type': 'application/json', 'x-api-key': key };
  const sent = request(urls.graphql, { method: 'POST', agent, headers: all });
  sent.end('{"query":"{ __typename }"}');
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
  return response.statusCode ?? 0;
};

it('ten thousand bad logins over GraphQL HTTP are checked ten times, leave nothing behind, and delay nobody else', async () => {
  await expectHarmlessFlood(byRequest, { good: 200, bad: 401, limited: 429 });
}, 180_000);
