import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { frameReader } from '../../support/frameReader.ts';
import { SharedFrames } from '../../../src/fanout/SharedFrames.ts';

/** What ws's own receiver, as a client, reads out of these bytes. */
function received(...frames: Buffer[]): string[] {
  const messages: string[] = [];
  const read = frameReader((text) => messages.push(text));
  for (const frame of frames) read(frame);
  return messages;
}

const lengths = fc.oneof(fc.nat(200), fc.constantFrom(124, 125, 126, 127, 65_535, 65_536, 70_000));
const payloads = lengths.map((length) => JSON.stringify('é'.repeat(length / 2)));

describe('frames', () => {
  it('without an id carry the payload, whatever its length', () => {
    fc.assert(
      fc.property(payloads, (payload) => {
        expect(received(new SharedFrames(Buffer.from(payload)).plain())).toEqual([payload]);
      }),
    );
  });

  it('with an id are graphql-transport-ws next messages, each with its own id', () => {
    fc.assert(
      fc.property(payloads, fc.array(fc.string({ maxLength: 20 }), { minLength: 1, maxLength: 5 }), (payload, ids) => {
        const frames = new SharedFrames(Buffer.from(payload));
        const messages = ids.flatMap((id) => received(Buffer.from(frames.withId(Buffer.from(JSON.stringify(id))))));
        expect(messages).toEqual(
          ids.map((id) => JSON.stringify({ id, type: 'next', payload: JSON.parse(payload) as unknown })),
        );
      }),
    );
  });

  it('that were given away are not changed any more', () => {
    const frames = new SharedFrames(Buffer.from('{}'));
    const kept = frames.withId(Buffer.from('"a"'));
    frames.give();
    frames.withId(Buffer.from('"b"'));
    expect(received(kept)).toEqual(['{"id":"a","type":"next","payload":{}}']);
  });
});
