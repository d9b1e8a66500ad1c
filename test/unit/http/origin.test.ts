import { describe, expect, it } from 'vitest';
import { isAllowedOrigin } from '../../../src/http/origin.ts';

const host = 'gateway.example:4000';

describe('without configured origins', () => {
  it.each<[string, string | undefined, boolean]>([
    ['a client without an Origin is no browser', undefined, true],
    ["the server's own page", 'http://gateway.example:4000', true],
    ['the same behind a proxy that ends TLS', 'https://gateway.example:4000', true],
    ['a page on loopback', 'http://localhost:5173', true],
    ['a page on loopback by number', 'http://127.0.0.1:3000', true],
    ['a page on loopback of IPv6', 'http://[::1]:3000', true],
    ['a page under localhost', 'http://app.localhost', true],
    ['a foreign page', 'https://evil.example', false],
    ['null: a sandboxed page or a file', 'null', false],
    ['an empty Origin', '', false],
    ['the own name as a suffix', 'http://evil-gateway.example:4000', false],
    ['the own name as a prefix', 'http://gateway.example.evil:4000', false],
    ['the own name on another port', 'http://gateway.example:4001', false],
    ['localhost as a prefix', 'http://localhost.evil.example', false],
    ['a loopback number as a prefix', 'http://127.0.0.1.evil.example', false],
    ['another scheme', 'file://localhost', false],
    ['an extension', 'chrome-extension://abcdefgh', false],
    ['two origins in one', 'http://localhost, http://evil.example', false],
    ['more than an origin', 'http://evil.example@localhost', false],
    ['a path', 'http://localhost/evil', false],
    ['no origin at all', 'localhost', false],
  ])('%s: %j may connect: %j', (_name, origin, allowed) => {
    expect(isAllowedOrigin({ origin, host, allowedOrigins: [] })).toBe(allowed);
  });

  it('the default port is the same port', () => {
    expect(isAllowedOrigin({ origin: 'https://a.example', host: 'a.example:443', allowedOrigins: [] })).toBe(true);
    expect(isAllowedOrigin({ origin: 'https://a.example', host: 'a.example:80', allowedOrigins: [] })).toBe(false);
  });

  it('without a Host header no origin is the own one', () => {
    expect(isAllowedOrigin({ origin: 'http://a.example', host: undefined, allowedOrigins: [] })).toBe(false);
    expect(isAllowedOrigin({ origin: 'http://a.example', host: '[', allowedOrigins: [] })).toBe(false);
  });
});

describe('with configured origins', () => {
  const allowedOrigins = ['https://Good.Example', 'http://other.example:8080'];

  it.each<[string, string | undefined, boolean]>([
    ['a listed one', 'https://good.example', true],
    ['a listed one in another case', 'HTTPS://GOOD.example', true],
    ['a listed one with its default port', 'https://good.example:443', true],
    ['a listed one on another port', 'https://good.example:8443', false],
    ['a listed one over another scheme', 'http://good.example', false],
    ['a listed one with a port', 'http://other.example:8080', true],
    ['the same without it', 'http://other.example', false],
    ['a listed one as a prefix', 'https://good.example.evil', false],
    ['a listed one as a suffix', 'https://notgood.example', false],
    ['below a listed one', 'https://sub.good.example', false],
    ['null', 'null', false],
    ['a page on loopback', 'http://localhost:5173', false],
    ["the server's own page", 'http://gateway.example:4000', true],
    ['no browser', undefined, true],
  ])('%s: %j may connect: %j', (_name, origin, allowed) => {
    expect(isAllowedOrigin({ origin, host, allowedOrigins })).toBe(allowed);
  });

  it.each(['https://evil.example', 'null', 'nonsense'])('* allows %j', (origin) => {
    expect(isAllowedOrigin({ origin, host, allowedOrigins: ['*'] })).toBe(true);
  });
});

describe('an app, an extension or a file has an origin of its own scheme (RFC 6454)', () => {
  it.each([
    'capacitor://localhost',
    'tauri://localhost',
    'ionic://localhost',
    'chrome-extension://abcdefghijklmnopabcdefghijklmnop',
    'moz-extension://0b0dd6f9-1d23-4a5c-9b52-1f3f0cbb4d5e',
    'safari-web-extension://0B0DD6F9-1D23-4A5C-9B52-1F3F0CBB4D5E',
    'app://obsidian.md',
    'my.app+2://host:99',
    'file://',
  ])('so %s may connect if it is configured, and only then', (origin) => {
    expect(isAllowedOrigin({ origin, host, allowedOrigins: [origin] })).toBe(true);
    expect(isAllowedOrigin({ origin, host, allowedOrigins: ['https://good.example'] })).toBe(false);
    expect(isAllowedOrigin({ origin, host, allowedOrigins: [] })).toBe(false);
    expect(isAllowedOrigin({ origin: `${origin}x`, host, allowedOrigins: [origin] })).toBe(false);
  });

  it.each(['https://localhost', 'tauri://localhost', 'capacitor://localhost:1', 'capacitor://other', 'null'])(
    'and capacitor://localhost does not let in %s',
    (origin) => {
      expect(isAllowedOrigin({ origin, host, allowedOrigins: ['capacitor://localhost'] })).toBe(false);
    },
  );
});

describe('a pattern allows every host below its domain', () => {
  it.each<[string, string, boolean]>([
    ['https://*.example.com', 'https://app.example.com', true],
    ['https://*.example.com', 'https://a.b.example.com', true],
    ['https://*.Example.com', 'https://APP.example.COM:443', true],
    ['https://*.example.com', 'https://example.com', false],
    ['https://*.example.com', 'https://.example.com', false],
    ['https://*.example.com', 'https://notexample.com', false],
    ['https://*.example.com', 'https://app.example.com.evil.example', false],
    ['https://*.example.com', 'https://evil.example#.example.com', false],
    ['https://*.example.com', 'https://app.example.com:8443', false],
    ['https://*.example.com', 'http://app.example.com', false],
    ['https://*.example.com', 'https://*.example.com', false],
    ['https://*.example.com', 'https://*.app.example.com', false],
    ['https://*.example.com:8443', 'https://app.example.com:8443', true],
    ['https://*.example.com:8443', 'https://app.example.com', false],
    ['http://*.localhost:3000', 'http://tenant.localhost:3000', true],
    ['app://*.example.com', 'app://a.example.com', true],
  ])('%s, %s: %j', (pattern, origin, allowed) => {
    expect(isAllowedOrigin({ origin, host, allowedOrigins: ['https://other.example', pattern] })).toBe(allowed);
  });
});
