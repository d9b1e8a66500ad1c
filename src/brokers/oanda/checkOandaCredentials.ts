import type { Clock } from '../../shared/clock.ts';
import { GatewayError } from '../../shared/errors.ts';
import type { Logger } from '../../shared/logger.ts';
import type { Metrics } from '../../shared/metrics.ts';
import type { Random } from '../../shared/random.ts';
import { checkFormat, hostsOf } from './access.ts';
import type { OandaCredentials, OandaEnvironment } from './access.ts';
import type { OandaBudgets } from './OandaBudgets.ts';
import { OandaRest } from './OandaRest.ts';

export interface CheckOandaOptions {
  readonly environment: OandaEnvironment;
  /** Replaces the environment's own host; null: that one. */
  readonly streamUrl: string | null;
  readonly restUrl: string | null;
  readonly budgets: OandaBudgets;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly brokerId: string;
}

/**
 * Asks the venue which accounts the token opens. Resolves if the account is among them. Throws BAD_REQUEST for what
 * can't be credentials, BROKER_AUTHENTICATION_FAILED for those that the venue refuses, BROKER_UNAVAILABLE if it can't
 * be asked, and the signal's reason.
 */
export async function checkOandaCredentials(
  credentials: OandaCredentials,
  options: CheckOandaOptions,
  signal?: AbortSignal,
): Promise<void> {
  checkFormat(credentials);
  const { environment, budgets, clock, random, logger, metrics, brokerId } = options;
  using budget = budgets.use(credentials.token);
  await using rest = new OandaRest({
    brokerId,
    restUrl: hostsOf(environment, options).restUrl,
    credentials: { use: (task) => task(credentials) },
    budget,
    clock,
    random,
    logger,
    metrics,
    // `fetchAccountIds` rejects then.
    onCredentialsRefused: () => {},
  });
  const accountIds = await rest.fetchAccountIds(signal);
  if (accountIds.includes(credentials.accountId)) return;
  throw new GatewayError(
    'BROKER_AUTHENTICATION_FAILED',
    'The venue knows this token, but the token does not open this account.',
  );
}
