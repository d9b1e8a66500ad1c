import { describe, expect, it } from 'vitest';
import { SingleFlight } from '../../../src/transport/SingleFlight.ts';

function pendingWork(): {
  work: (signal: AbortSignal) => Promise<string>;
  signals: AbortSignal[];
  end: (value: string) => void;
} {
  const signals: AbortSignal[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const work = (signal: AbortSignal): Promise<string> => {
    signals.push(signal);
    signal.addEventListener('abort', () => {
      reject(signal.reason);
    });
    return promise;
  };
  return { work, signals, end: resolve };
}

describe('SingleFlight', () => {
  it('does once what is asked for twice, and again when it is asked for later', async () => {
    const flights = new SingleFlight<string>();
    const { work, signals, end } = pendingWork();
    const both = Promise.all([flights.run('a', work, {}), flights.run('a', work, {})]);
    expect(signals).toHaveLength(1);
    end('done');
    expect(await both).toEqual(['done', 'done']);
    await flights.run('a', work, {});
    expect(signals).toHaveLength(2);
  });

  it('lets one caller leave without the other, and aborts the work when the last has left', async () => {
    const flights = new SingleFlight<string>();
    const { work, signals } = pendingWork();
    const [one, other] = [new AbortController(), new AbortController()];
    const runs = [flights.run('a', work, { signal: one.signal }), flights.run('a', work, { signal: other.signal })];
    one.abort(new Error('first left'));
    await expect(runs[0]).rejects.toThrow('first left');
    expect(signals[0]?.aborted).toBe(false);
    other.abort(new Error('second left'));
    await expect(runs[1]).rejects.toThrow('second left');
    expect(signals[0]?.aborted).toBe(true);
  });

  it('does not begin for a caller who has left already', async () => {
    const flights = new SingleFlight<string>();
    const { work, signals } = pendingWork();
    await expect(flights.run('a', work, { signal: AbortSignal.abort(new Error('gone')) })).rejects.toThrow('gone');
    expect(signals).toHaveLength(0);
  });

  it('reports everyone why it closes, those too who come later', async () => {
    const flights = new SingleFlight<string>();
    const { work, signals } = pendingWork();
    const run = flights.run('a', work, {});
    const told = expect(run).rejects.toThrow('closing');
    await flights.close(new Error('closing'));
    await told;
    await expect(flights.run('b', work, {})).rejects.toThrow('closing');
    expect(signals).toHaveLength(1);
  });
});
