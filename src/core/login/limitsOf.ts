import type { Limits } from '../client.ts';
import type { PartialLimits } from './ApiKeyRing.ts';

/**
 * What a client may take just now: its login's own limits (null: it has none), else the general ones. Both may change while
 * the client is connected: to be asked at each use.
 */
export function limitsOf(own: PartialLimits | null, general: Limits): Limits {
  if (own === null) return general;
  return { ...general, ...Object.fromEntries(Object.entries(own).filter(([, most]) => most !== undefined)) };
}
