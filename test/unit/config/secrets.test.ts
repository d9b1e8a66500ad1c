import { expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/load.ts';
import { maskSecrets } from '../../../src/config/secrets.ts';
import { faultsIn, load, valid } from './support.ts';

it('masks every secret of the effective configuration and nothing else', () => {
  const config = valid(
    parseConfig(
      {
        metrics: { access: 'token', token: 'canary-1' },
        auth: {
          jwt: { secret: 'canary-2'.padEnd(32, 'x'), issuer: 'https://issuer.example' },
          apiKeys: [{ id: 'ops', sha256: 'cafe'.repeat(16) }],
        },
        bus: { redis: { url: 'redis://user:canary-3@redis.example:6379/0' } },
        brokers: { oanda: { token: 'canary-4', accountId: 'canary-5' } },
      },
      'a test',
    ),
  );
  const shown = JSON.stringify(maskSecrets(config));
  expect(shown).not.toMatch(/canary|cafecafe/);
  expect(maskSecrets(config)).toMatchObject({
    metrics: { access: 'token', token: '[redacted]' },
    auth: { jwt: { issuer: 'https://issuer.example' }, apiKeys: [{ id: 'ops', sha256: '[redacted]' }] },
    bus: { redis: { url: 'redis://[redacted]@redis.example:6379/0' } },
  });
});

it('shows null if there is no secret', () => {
  expect(maskSecrets(valid(parseConfig({}, 'a test')))).toMatchObject({
    metrics: { token: null },
    bus: { redis: { url: null } },
    brokers: { oanda: { token: null, accountId: null } },
  });
});

it.each([
  ['a colon that was forgotten', 'brokers: { oanda: { token hunter2-of-oanda } }', 'brokers.oanda.token…'],
  ['a space that was forgotten', 'brokers: { oanda: { token:hunter2-of-oanda } }', 'brokers.oanda.token…'],
  ['a quotation mark that was forgotten', 'metrics: { "token": hun,ter2-of-metrics }', 'metrics.…'],
  ['a letter too many', 'metrics: { tokens: hunter2 }', 'metrics.tokens'],
])('a secret is not shown as the name of an unknown key because of %s', (_what, yaml, path) => {
  const result = load({ yaml });
  expect(result.ok ? [] : result.faults.map((fault) => fault.path)).toContain(path);
  expect(faultsIn(result).join('\n')).not.toContain('ter2');
});
