import type { GatewayError } from './errors.ts';
import type { Logger } from './logger.ts';

/** Logs an error that is a fault of ours, with the id by which the client was told of it. */
export function logFault(logger: Logger, error: GatewayError, message: string): void {
  if (error.code !== 'INTERNAL') return;
  logger.error({ err: error.cause ?? error, faultId: error.details.id }, message);
}
