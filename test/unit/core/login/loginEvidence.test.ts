import { describe, expect, it } from 'vitest';
import { evidenceFromHeaders, evidenceFromParams } from '../../../../src/core/login/loginEvidence.ts';

const token = (text: string): object => ({ kind: 'token', token: text });
const apiKey = (text: string): object => ({ kind: 'apiKey', apiKey: text });

describe('the login of a request', () => {
  it.each([
    ['nothing', {}, null],
    ['a bearer token', { authorization: 'Bearer a.b.c' }, token('a.b.c')],
    ['a scheme in another case', { authorization: 'bearer  a.b.c' }, token('a.b.c')],
    ['no token after the scheme', { authorization: 'Bearer' }, token('')],
    ['two schemes', { authorization: 'Bearer a.b.c, Basic x' }, token('a.b.c, Basic x')],
    ["a proxy's own scheme", { authorization: 'Basic x' }, null],
    ["a proxy's own scheme first", { authorization: 'Basic x, Bearer a.b.c' }, null],
    ['a scheme that only begins so', { authorization: 'Bearerx a.b.c' }, null],
    ['an empty header', { authorization: '' }, null],
    ['an API key', { 'x-api-key': 'k' }, apiKey('k')],
    ['an API key twice', { 'x-api-key': ['k', 'l'] }, apiKey('k, l')],
    ["an API key beside a proxy's scheme", { 'x-api-key': 'k', authorization: 'Basic x' }, apiKey('k')],
  ])('is read from its headers: %s', (_name, headers, expected) => {
    expect(evidenceFromHeaders(headers)).toEqual(expected);
  });

  it('is a single one', () => {
    expect(() => evidenceFromHeaders({ authorization: 'Bearer a.b.c', 'x-api-key': 'k' })).toThrow(
      expect.objectContaining({ code: 'BAD_REQUEST' }),
    );
  });
});

describe('the login of a socket', () => {
  it.each<[string, Record<string, unknown> | undefined, object | null]>([
    ['no parameters', undefined, null],
    ['none', { session: 's' }, null],
    ['a bearer token', { Authorization: 'Bearer a.b.c' }, token('a.b.c')],
    ['a bearer token in lower case', { authorization: 'Bearer a.b.c' }, token('a.b.c')],
    ['a token', { token: 'a.b.c' }, token('a.b.c')],
    ['an API key', { apiKey: 'k' }, apiKey('k')],
    ['an API key by its header', { 'x-api-key': 'k' }, apiKey('k')],
    ['a front end without a user', { token: null, apiKey: undefined, authorization: '' }, null],
    ['what only a prototype has', Object.create({ token: 'a.b.c' }) as Record<string, unknown>, null],
  ])('is read from its parameters: %s', (_name, params, expected) => {
    expect(evidenceFromParams(params)).toEqual(expected);
  });

  it.each([
    ['two', { token: 'a.b.c', apiKey: 'k' }],
    ['one twice', { token: 'a.b.c', authorization: 'Bearer a.b.c' }],
    ['a number', { token: 7 }],
    ['a map', { apiKey: { toString: 'k' } }],
    ['a list', { Authorization: ['Bearer a.b.c'] }],
  ])('is a single one and text, so not %s', (_name, params) => {
    expect(() => evidenceFromParams(params)).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }));
  });
});
