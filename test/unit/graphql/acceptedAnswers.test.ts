import { describe, expect, it } from 'vitest';
import { EVENT_STREAM, MULTIPART, MULTIPART_GRAPHQL } from '../../../src/fanout/frames/streamFraming.ts';
import { acceptedAnswers } from '../../../src/graphql/http/acceptedAnswers.ts';

describe('the Accept header', () => {
  it.each([
    ['text/event-stream', EVENT_STREAM, false],
    ['TEXT/EVENT-STREAM;q=1', EVENT_STREAM, false],
    ['text /event-stream', EVENT_STREAM, false],
    ['text/*', EVENT_STREAM, false],
    ['*/*', EVENT_STREAM, true],
    ['application/json', null, true],
    ['application/graphql-response+json', null, true],
    ['application/*', null, true],
    ['', null, false],
    ['multipart/mixed;subscriptionSpec=1.0', MULTIPART, false],
    ['Multipart/Mixed ; SubscriptionSpec = "1.0"', MULTIPART, false],
    ['multipart/mixed;boundary=-;subscriptionSpec=1.0', MULTIPART, false],
    ['multipart/mixed;boundary="graphql";subscriptionSpec=1.0,application/json', MULTIPART_GRAPHQL, true],
    ['multipart/mixed', null, false],
    ['multipart/mixed;subscriptionSpec=2.0', null, false],
    ['multipart/mixed;deferSpec=20220824,application/json', null, true],
  ])('names the stream that the client takes, and whether it takes JSON: %s', (accept, stream, json) => {
    expect(acceptedAnswers(accept)).toEqual({ stream, json });
  });

  it.each([
    ['text/event-stream, multipart/mixed;subscriptionSpec=1.0', EVENT_STREAM],
    ['multipart/mixed;subscriptionSpec=1.0, text/event-stream', MULTIPART],
    ['text/event-stream;q=0.5, multipart/mixed;subscriptionSpec=1.0', MULTIPART],
    ['multipart/mixed;subscriptionSpec=1.0;q=0.2, text/event-stream;q=0.3', EVENT_STREAM],
    ['*/*, multipart/mixed;subscriptionSpec=1.0;q=0.5', MULTIPART],
    ['text/event-stream;q=0, multipart/mixed;subscriptionSpec=1.0', MULTIPART],
    ['text/event-stream;q=0, application/json', null],
    // As urql asks: multipart without a version is incremental delivery.
    ['text/event-stream, multipart/mixed', EVENT_STREAM],
  ])('with several streams means the one that the client likes best, or else named first: %s', (accept, stream) => {
    expect(acceptedAnswers(accept).stream).toBe(stream);
  });
});
