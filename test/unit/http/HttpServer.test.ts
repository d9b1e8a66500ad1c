import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isHost, originForm, pathOf } from '../../../src/http/HttpServer.ts';

describe('the path of a request target', () => {
  it.each([
    ['/ws', '/ws', '/ws'],
    ['/ws?a=1?b', '/ws', '/ws?a=1?b'],
    ['/ws?', '/ws', '/ws?'],
    ['/ws#x?y', '/ws', '/ws'],
    ['/', '/', '/'],
    ['', '/', '/'],
    ['?a', '/', '/?a'],
    ['//', '//', '//'],
    ['//ws', '//ws', '//ws'],
    ['///evil.example/ws', '///evil.example/ws', '///evil.example/ws'],
    ['/ws/', '/ws/', '/ws/'],
    ['/%zz', '/%zz', '/%zz'],
    ['/%', '/%', '/%'],
    ['*', '*', '*'],
    ['http://host:1/ws?a=1', '/ws', '/ws?a=1'],
    ['HTTPS://host/ws', '/ws', '/ws'],
    ['http://host', '/', '/'],
    ['http://host?a', '/', '/?a'],
    ['http://[::1]:99999/ws', '/ws', '/ws'],
    ['http:///ws', '/ws', '/ws'],
    ['ftp://host/ws', 'ftp://host/ws', 'ftp://host/ws'],
  ])('of %j is %j', (target, path, form) => {
    expect(pathOf(target)).toBe(path);
    expect(originForm(target)).toBe(form);
  });

  it('exists for any target', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (target) => {
        expect(pathOf(target)).not.toMatch(/[?#]/);
      }),
    );
  });
});

describe('a Host header', () => {
  it.each(['localhost', 'gateway.example:4000', '127.0.0.1:80', '[::1]:4000', 'a_b.example', '', undefined])(
    '%j is good',
    (host) => {
      expect(isHost(host)).toBe(true);
    },
  );

  it.each(['[', 'a b', 'a/b', 'user@host', 'host:port', 'host:99999', '?', 'a,b', '[zz]', '\u0000', '1.2.3.4.5'])(
    '%j is not',
    (host) => {
      expect(isHost(host)).toBe(false);
    },
  );
});
