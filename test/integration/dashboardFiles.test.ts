import { once } from 'node:events';
import http from 'node:http';
import { buffer } from 'node:stream/consumers';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { dashboardHandlers, findDashboard } from '../../src/http/dashboard.ts';
import { GatewayProcess, projectFolder } from '../support/GatewayProcess.ts';
import { request } from '../support/httpExchange.ts';
import { serve } from '../support/serveHttp.ts';

const folder = findDashboard() ?? '';
const handlers = dashboardHandlers(folder);
const scripts = [...handlers.keys()].filter((path) => path.endsWith('.js'));
const [script = ''] = scripts;

/** Does not unpack the body, as fetch would. */
async function getPacked(url: string, accepted: string) {
  const sent = http.get(url, { headers: { 'accept-encoding': accepted } });
  const [response] = (await once(sent, 'response')) as [http.IncomingMessage];
  return { status: response.statusCode, headers: response.headers, body: await buffer(response) };
}

async function get(url: string, headers: Readonly<Record<string, string>> = {}, method = 'GET') {
  const response = await fetch(url, { method, headers: { 'accept-encoding': 'identity', ...headers } });
  return { response, headers: response.headers, body: Buffer.from(await response.arrayBuffer()) };
}

describe('the files of the dashboard', () => {
  it('weigh less than 150 kB together, as browsers get them', () => {
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.br'));
    const weight = names.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
    expect(names.length).toBeGreaterThanOrEqual(4);
    expect(weight).toBeLessThan(150_000);
  });

  it('are sent in the form that a client accepts', async () => {
    await using server = await serve(Object.fromEntries(handlers));
    const plain = readFileSync(join(folder, script));
    for (const [accepted, encoding] of [
      ['gzip, deflate, br, zstd', 'br'],
      ['gzip;q=0.8, br;q=0', 'gzip'],
      ['gzip', 'gzip'],
      ['identity', undefined],
    ] as const) {
      const { status, headers, body } = await getPacked(`${server.url}${script}`, accepted);
      expect([status, headers['content-encoding'], headers['vary']]).toEqual([200, encoding, 'Accept-Encoding']);
      const unpacked = encoding === 'br' ? brotliDecompressSync(body) : encoding === 'gzip' ? gunzipSync(body) : body;
      expect(unpacked.equals(plain)).toBe(true);
    }
  });

  it('are kept by browsers for ever, but the page, which is asked for again each time', async () => {
    await using server = await serve(Object.fromEntries(handlers));
    const file = await get(`${server.url}${script}`);
    expect(file.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    const page = await get(server.url);
    expect(page.headers.get('cache-control')).toBe('no-cache');
    const again = await get(server.url, { 'if-none-match': page.headers.get('etag') ?? '' });
    expect([again.response.status, again.body.length]).toEqual([304, 0]);
    const changed = await get(server.url, { 'if-none-match': '"another"' });
    expect(changed.response.status).toBe(200);
    for (const path of scripts) expect(page.body.toString()).toContain(path);
  });

  it('may load nothing from another host, run nothing that is written into the page, and not be framed', async () => {
    await using server = await serve(Object.fromEntries(handlers));
    const { headers, body } = await get(server.url);
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|https?:|\*|data:/);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(body.toString()).not.toMatch(/<script>|<style|style=|(?:src|href)="https?:/);
  });

  it('are read by GET and HEAD only', async () => {
    await using server = await serve(Object.fromEntries(handlers));
    const head = await get(server.url, {}, 'HEAD');
    expect([head.response.status, head.body.length]).toEqual([200, 0]);
    expect(Number(head.headers.get('content-length'))).toBeGreaterThan(100);
    for (const method of ['POST', 'PUT', 'DELETE']) {
      expect((await get(server.url, {}, method)).response.status).toBe(405);
    }
  });

  it.each(['/assets/../../../package.json', '/assets/%2e%2e/%2e%2e/package.json', '/index.html.br', '/assets/', '//'])(
    'are the only ones: %s is not found',
    async (path) => {
      await using server = await serve(Object.fromEntries(handlers));
      expect((await request(server.url, path)).status).toBe(404);
    },
  );
});

describe('without the files of the dashboard', () => {
  it('the gateway runs all the same, and has a page with links', async () => {
    const copy = mkdtempSync(join(tmpdir(), 'tickgraph-unbuilt-'));
    try {
      for (const part of ['bin', 'client', 'src', 'schema', 'package.json']) {
        cpSync(join(projectFolder, part), join(copy, part), { recursive: true });
      }
      symlinkSync(join(projectFolder, 'node_modules'), join(copy, 'node_modules'));
      await using gateway = new GatewayProcess({ cwd: copy });
      const { body } = await get(await gateway.listening());
      expect(body.toString()).toContain('<a href="/graphql">');
      expect(body.toString()).not.toContain('<script');
    } finally {
      rmSync(copy, { recursive: true });
    }
  });
});
