import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/load.ts';

const faultsOf = (origin: string): readonly string[] => {
  const result = parseConfig({ server: { allowedOrigins: [origin] } }, 'a test');
  return result.ok ? [] : result.faults.map(({ path, expected }) => `${path}: ${expected}`);
};

describe('server.allowedOrigins', () => {
  it.each([
    'capacitor://localhost',
    'tauri://localhost',
    'ionic://localhost',
    'chrome-extension://abcdefghijklmnopabcdefghijklmnop',
    'moz-extension://0b0dd6f9-1d23-4a5c-9b52-1f3f0cbb4d5e',
    'vscode-webview://1abc2def',
    'app+v2.x://obsidian.md:8080',
    'file://',
    'https://*.example.org',
    'https://*.example.org:8443',
    'http://*.localhost:3000',
    'HTTPS://App.Example.org:443',
  ])('takes every origin that a page can have, and patterns for hosts below a domain: %s', (origin) => {
    expect(faultsOf(origin)).toEqual([]);
  });

  it.each([
    'https://*',
    'https://*foo.example.org',
    'https://app.*.org',
    'https://*.*.example.org',
    'https://*.10.0.0.1',
    'https://*.[::1]',
    '*.example.org',
    '*://example.org',
    'http://localhost:*',
    'http://localhost:65536',
    'http://localhost:0',
    'https://.example.org',
    'https://app..example.org',
    'https://*..example.org',
    'wss://app.example.org',
    'https://app.example.org/',
    'https://app.example.org, https://b.example.org',
    'https://user@app.example.org',
    'https://',
    'capacitor://',
    'capacitor:localhost',
    'app.example.org',
    ' https://app.example.org',
  ])('refuses what no page ever has as its origin, because it could only be a mistake: %j', (origin) => {
    expect(faultsOf(origin)).toEqual([expect.stringMatching(/^server\.allowedOrigins\.0: an origin such as https:/)]);
  });
});
