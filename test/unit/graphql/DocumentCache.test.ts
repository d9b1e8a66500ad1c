import { parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import { DocumentCache } from '../../../src/graphql/documents/DocumentCache.ts';

const document = parse('{ a }');

describe('DocumentCache', () => {
  it('keeps a limited number of the documents that were used last', () => {
    const cache = new DocumentCache({ maxDocuments: 2 });
    cache.set('a', document);
    cache.set('b', document);
    expect(cache.get('a')).toBe(document);
    cache.set('c', document);
    expect(cache.get('b')).toBeUndefined();
    expect(cache.get('a')).toBe(document);
    expect(cache.size).toBe(2);
  });

  it('keeps a limited amount of text, however few documents that is', () => {
    const cache = new DocumentCache({ maxCharacters: 10 });
    cache.set('12345', document);
    cache.set('1234567', document);
    expect(cache.get('12345')).toBeUndefined();
    expect(cache.get('1234567')).toBe(document);
    cache.set('x'.repeat(11), document);
    expect(cache.size).toBe(0);
    cache.set('1234567890', document);
    expect(cache.size).toBe(1);
  });

  it('does not count a document twice', () => {
    const cache = new DocumentCache({ maxCharacters: 10 });
    for (let time = 0; time < 5; time += 1) cache.set('123456', document);
    expect(cache.size).toBe(1);
  });

  it('keeps no mutation, because credentials may be written into it', () => {
    const cache = new DocumentCache();
    cache.set('m', parse('query A { a } mutation B { b }'));
    expect(cache.size).toBe(0);
  });

  it.each([
    ['query { authenticateBroker(broker: "oanda", credentials: { token: "t" }) { session } }'],
    ['{ renewLogin(token: "t") { expiresAt } }'],
    ['subscription ($credentials: BrokerCredentials = { token: "t" }) { brokerStatus { id } }'],
  ])('keeps nothing that looks like a malformed mutation: %s', (text) => {
    const cache = new DocumentCache();
    cache.set(text, parse(text));
    expect(cache.size).toBe(0);
  });
});
