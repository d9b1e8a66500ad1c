import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { frameReader } from '../../support/frameReader.ts';
import { SharedFrames, SharedPayload } from '../../../src/fanout/frames/SharedEvent.ts';

/** What ws's own receiver, as a client, reads out of these bytes. */
function received(...frames: Buffer[]): string[] {
  const messages: string[] = [];
  const read = frameReader((text) => messages.push(text));
  for (const frame of frames) read(frame);
  return messages;
}

const lengths = fc.oneof(fc.nat(200), fc.constantFrom(124, 125, 126, 127, 65_535, 65_536, 70_000));
const payload = lengths.map((length) => JSON.stringify('é'.repeat(length / 2)));
const payloads = fc.array(payload, { minLength: 1, maxLength: 4 });
/** Frames in which each text is the encoding of one event. */
const framesOf = (texts: readonly string[]): SharedFrames =>
  new SharedFrames(
    texts.map((text) => new SharedPayload(text, { encoder: { isShared: true, encode: () => text }, chains: null })),
  );

describe('frames', () => {
  it('without an id carry the payloads one after the other, whatever their lengths', () => {
    fc.assert(
      fc.property(payloads, (texts) => {
        expect(received(framesOf(texts).bytes(null, null))).toEqual(texts);
      }),
    );
  });

  it('with an id are graphql-transport-ws next messages, each with its own id', () => {
    fc.assert(
      fc.property(payloads, fc.array(fc.string({ maxLength: 20 }), { minLength: 1, maxLength: 5 }), (texts, ids) => {
        const frames = framesOf(texts);
        const messages = ids.flatMap((id) =>
          received(Buffer.from(frames.bytes(Buffer.from(JSON.stringify(id)), null))),
        );
        const next = (id: string, text: string): string =>
          `{"id":${JSON.stringify(id)},"type":"next","payload":${text}}`;
        expect(messages).toEqual(ids.flatMap((id) => texts.map((text) => next(id, text))));
      }),
    );
  });

  it('do not change after they were given out', () => {
    const frames = framesOf(['{}', '[]']);
    const kept = frames.bytes(Buffer.from('"a"'), null);
    frames.detach();
    frames.bytes(Buffer.from('"b"'), null);
    expect(received(kept)).toEqual(['{"id":"a","type":"next","payload":{}}', '{"id":"a","type":"next","payload":[]}']);
  });
});
