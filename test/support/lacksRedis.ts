import { REDIS } from './RedisServer.ts';

/** Tests that need a Redis are skipped on a machine that has none. CI does not let them be: there they fail. */
export const LACKS_REDIS = REDIS === undefined && process.env['CI'] === undefined;

if (LACKS_REDIS) {
  process.stderr.write('skipped, because this machine has neither a redis-server nor a valkey-server\n');
}
