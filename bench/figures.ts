import type { Phase } from './Rig.ts';

export function costOf(phase: Phase): Record<string, number> {
  const { userUs, systemUs, heldUpUs, elapsedMs, delivered, bytesPerMessage } = phase;
  return {
    'us/msg': (userUs + systemUs) / delivered,
    'user us': userUs / delivered,
    'sys us': systemUs / delivered,
    'B/msg': bytesPerMessage,
    'held up %': heldUpUs / elapsedMs / 10,
  };
}

export function throughputOf({ delivered, elapsedMs }: Phase): Record<string, number> {
  return { 'k msgs/s': delivered / elapsedMs };
}

/** The cost for each published event, whether anybody subscribes to it or not. */
export function eventCostOf({ userUs, systemUs, events, delivered }: Phase): Record<string, number> {
  return { 'us/event': (userUs + systemUs) / events, 'msgs/event': delivered / events };
}

export function compressedShareOf({ compressed, delivered }: Phase): Record<string, number> {
  return { 'compressed %': (compressed * 100) / delivered };
}

export function cpuShareOf({ userUs, systemUs, elapsedMs }: Phase): Record<string, number> {
  return { 'CPU %': (userUs + systemUs) / elapsedMs / 10 };
}
