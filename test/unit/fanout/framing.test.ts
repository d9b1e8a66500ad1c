import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EVENT_STREAM, MULTIPART, MULTIPART_GRAPHQL } from '../../../src/fanout/frames/streamFraming.ts';
import type { StreamFraming } from '../../../src/fanout/frames/streamFraming.ts';
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
    texts.map((text) => {
      const encoder = { isShared: true, encode: () => text };
      return new SharedPayload(text, { encoder, chains: null, isForMany: true });
    }),
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

  it('in the answers to HTTP requests are kept apart by how they are framed', () => {
    const frames = framesOf(['{"a":1}', '{"b":2}']);
    const textOf = (framing: StreamFraming): string => frames.streamed(framing).toString();
    const events = 'event: next\ndata: {"a":1}\n\nevent: next\ndata: {"b":2}\n\n';
    const parts = (boundary: string): string =>
      ['{"a":1}', '{"b":2}']
        .map((text) => `\r\nContent-Type: application/json\r\n\r\n{"payload":${text}}\r\n--${boundary}`)
        .join('');
    for (let round = 0; round < 2; round += 1) {
      expect(textOf(EVENT_STREAM)).toBe(events);
      expect(textOf(MULTIPART)).toBe(parts('-'));
      expect(textOf(MULTIPART_GRAPHQL)).toBe(parts('graphql'));
    }
    expect(frames.streamed(EVENT_STREAM)).toBe(frames.streamed(EVENT_STREAM));
  });

  it('that were given away are not changed any more', () => {
    const frames = framesOf(['{}', '[]']);
    const kept = frames.bytes(Buffer.from('"a"'), null);
    frames.detach();
    frames.bytes(Buffer.from('"b"'), null);
    expect(received(kept)).toEqual(['{"id":"a","type":"next","payload":{}}', '{"id":"a","type":"next","payload":[]}']);
  });
});
