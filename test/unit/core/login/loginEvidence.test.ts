import { describe, expect, it } from 'vitest';
import {
  evidenceFromHeaders,
  evidenceFromParams,
  sessionFromParams,
} from '../../../../src/core/login/loginEvidence.ts';

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
    ['a token by its usual other name', { authToken: 'a.b.c' }, token('a.b.c')],
    ['a token with its scheme', { authToken: 'Bearer a.b.c' }, token('a.b.c')],
    ['a token with its scheme, by its short name', { token: 'bearer a.b.c' }, token('a.b.c')],
    ['a header', { headers: { Authorization: 'Bearer a.b.c' } }, token('a.b.c')],
    ['a header in lower case', { headers: { authorization: 'Bearer a.b.c' } }, token('a.b.c')],
    ['an API key in a header', { headers: { 'X-API-Key': 'k' } }, apiKey('k')],
    ['one twice', { authToken: 'a.b.c', headers: { authorization: 'Bearer a.b.c' } }, token('a.b.c')],
    ['headers of a front end without a user', { headers: { authorization: '', 'x-api-key': null } }, null],
    ['no headers', { headers: null }, null],
    ['headers that are none', { headers: 'Authorization: Bearer a.b.c' }, null],
    ["a proxy's scheme in a header", { headers: { Authorization: 'Basic x' } }, null],
    ['what only a prototype has', Object.create({ token: 'a.b.c' }) as Record<string, unknown>, null],
  ])('is read from its parameters: %s', (_name, params, expected) => {
    expect(evidenceFromParams(params)).toEqual(expected);
  });

  it.each([
    ['two', { token: 'a.b.c', apiKey: 'k' }],
    ['two as a parameter and a header', { token: 'a.b.c', headers: { authorization: 'Bearer x.y.z' } }],
    ['a number in a header', { headers: { 'x-api-key': 7 } }],
    ['a number', { token: 7 }],
    ['a map', { apiKey: { toString: 'k' } }],
    ['a list', { Authorization: ['Bearer a.b.c'] }],
  ])('is a single one and text, so not %s', (_name, params) => {
    expect(() => evidenceFromParams(params)).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }));
  });
});

describe('the session of a socket', () => {
  it.each<[Record<string, unknown> | undefined, string | null]>([
    [undefined, null],
    [{}, null],
    [{ session: '' }, null],
    [{ session: null, headers: { 'x-session': 's' } }, 's'],
    [{ session: 's' }, 's'],
    [{ headers: { 'X-Session': 's' } }, 's'],
  ])('is read from its parameters: %j', (params, expected) => {
    expect(sessionFromParams(params)).toBe(expected);
  });

  it('is text', () => {
    expect(() => sessionFromParams({ session: 7 })).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }));
  });
});
