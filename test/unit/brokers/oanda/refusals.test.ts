import { describe, expect, it } from 'vitest';
import { credentialsRefused, toRefusal } from '../../../../src/brokers/oanda/refusals.ts';
import { hasRecordings, recordingText } from '../../../support/recordings.ts';

describe('refusals of the venue', () => {
  it.each([
    [401, 'Insufficient authorization to perform request.', 'token'],
    [401, null, 'token'],
    [401, 'The provided request was forbidden.', 'account'],
    [403, 'The provided request was forbidden.', 'account'],
    [403, 'Insufficient authorization to perform request.', 'account'],
    [403, null, 'account'],
    [400, "Invalid value specified for 'accountID'", 'account'],
    [400, "Invalid value specified for 'instruments'", 'instrument'],
    [400, "Invalid value specified for 'instrument'", 'instrument'],
    [400, "Invalid value specified for 'candleSpecifications'", 'instrument'],
    [400, 'NAS100_USD is not a valid instrument', 'instrument'],
    [400, "Invalid value specified for 'to'. Time is in the future", 'future'],
    [400, "Maximum value for 'count' exceeded", 'count'],
    [400, "Invalid value specified for 'from'", 'other'],
    [400, null, 'other'],
    [404, null, 'other'],
    [405, "Invalid value specified for 'accountID'", 'other'],
  ] as const)('HTTP %i with %j is about: %s', (status, message, expected) => {
    expect(toRefusal(status, message)).toBe(expected);
  });

  it('says of credentials in which way they are bad, and of nothing else', () => {
    expect(credentialsRefused('token')).toContain('token');
    expect(credentialsRefused('account')).toContain('account');
    expect(credentialsRefused('token')).not.toBe(credentialsRefused('account'));
    for (const other of ['instrument', 'future', 'count', 'other'] as const)
      expect(credentialsRefused(other)).toBeNull();
  });

  it.runIf(hasRecordings)('reads those that were recorded', () => {
    const refusals = recordingText('oanda/errors.ndjson')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { httpStatus: number; body: { errorMessage: string } })
      .map(({ httpStatus, body }) => toRefusal(httpStatus, body.errorMessage));
    expect(refusals).toEqual(['token', 'account', 'account', 'instrument', 'count', 'other']);
  });
});
