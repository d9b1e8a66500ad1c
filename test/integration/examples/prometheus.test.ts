import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { projectFolder } from '../../support/GatewayProcess.ts';
import { PROMETHEUS, PrometheusServer } from '../../support/PrometheusServer.ts';
import { startGateway } from '../../support/startGateway.ts';
import { waitFor } from '../../support/waitFor.ts';
import { load, valid } from '../../unit/config/support.ts';

/** Skipped on a machine without it, but not in CI: there it fails. */
const LACKS_PROMETHEUS = PROMETHEUS === undefined && process.env['CI'] === undefined;
if (PROMETHEUS === undefined)
  console.warn('skipped: Prometheus with the files of its example, for this machine has none');

interface Service {
  readonly image?: string;
  readonly build?: { readonly context: string };
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly secrets?: readonly string[];
  readonly ports?: readonly string[];
  readonly depends_on?: readonly string[] | Readonly<Record<string, unknown>>;
}
interface Compose {
  readonly services: Readonly<Record<'gateway' | 'prometheus' | 'grafana', Service>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}
interface Dashboard {
  readonly panels: readonly { readonly targets: readonly { readonly expr: string }[] }[];
}
interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly name: string; readonly health: string }[] }[];
}
interface Targets {
  readonly activeTargets: readonly { readonly health: string; readonly lastError: string }[];
}

const FOLDER = join(projectFolder, 'examples', 'prometheus-grafana');
const read = (file: string): string => readFileSync(join(FOLDER, file), 'utf8');
const compose = parse(read('docker-compose.yaml')) as Compose;
const { gateway, prometheus, grafana } = compose.services;
/** The files that a service gets, by the path at which it finds them. */
const mountsOf = ({ volumes = [] }: Service): ReadonlyMap<string, string> =>
  new Map(volumes.map((volume) => volume.split(':')).map(([from = '', to = '']) => [to, from]));
const TOKEN_FILE = '/run/secrets/metrics-token';

describe('The example with Prometheus and Grafana', () => {
  it('names files, volumes, secrets and services that there are, and images by their version', () => {
    const services = Object.values(compose.services);
    for (const { image, build, secrets = [], depends_on: needed = [], ...service } of services) {
      if (build === undefined) expect(image).toMatch(/^[\w/-]+:v?\d+\.\d+\.\d+(-alpine)?$/);
      else expect(existsSync(join(FOLDER, build.context, 'Dockerfile'))).toBe(true);
      for (const from of mountsOf(service).values()) {
        if (from.startsWith('.')) expect(existsSync(join(FOLDER, from)), from).toBe(true);
        else expect(Object.keys(compose.volumes)).toContain(from);
      }
      for (const name of secrets) expect(Object.keys(compose.secrets)).toContain(name);
      for (const name of Array.isArray(needed) ? needed : Object.keys(needed)) {
        expect(Object.keys(compose.services)).toContain(name);
      }
    }
    expect(readFileSync(join(projectFolder, '.gitignore'), 'utf8')).toContain(
      `examples/prometheus-grafana/metrics-token\n`,
    );
  });

  it('publishes ports on this machine only', () => {
    const ports = Object.values(compose.services).flatMap(({ ports: own = [] }) => own);
    expect(ports).toHaveLength(3);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:(\d+):\1$/);
  });

  it('gives the gateway settings that there are, and Prometheus the same token', () => {
    const { metrics } = valid(load({ env: gateway.environment ?? {}, files: { [TOKEN_FILE]: 'a-token\n' } }));
    expect(metrics).toEqual({ access: 'token', token: 'a-token' });
    expect(read('prometheus.yaml')).toContain(`credentials_file: ${TOKEN_FILE}`);
    for (const { secrets } of [gateway, prometheus]) expect(secrets).toEqual([basename(TOKEN_FILE)]);
  });

  it('lets Grafana find its dashboard and its Prometheus', () => {
    const mounts = mountsOf(grafana);
    const provisioned = [...mounts].filter(([to]) => to.startsWith('/etc/grafana/provisioning/'));
    const [datasources, dashboards] = provisioned.map(([, from]) => parse(read(from)) as Record<string, unknown>);
    expect(datasources).toMatchObject({ datasources: [{ type: 'prometheus', url: 'http://prometheus:9090' }] });
    expect(dashboards).toMatchObject({ providers: [{ options: { path: '/etc/grafana/dashboards' } }] });
    const home = grafana.environment?.['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH'] ?? '';
    const from = mounts.get('/etc/grafana/dashboards') ?? '';
    expect(existsSync(join(FOLDER, from, basename(home)))).toBe(true);
  });

  it.skipIf(LACKS_PROMETHEUS)('scrapes a real gateway, and asks only what Prometheus understands', async () => {
    await using running = await startGateway({
      config: {
        metrics: { access: 'token', token: 'a-token' },
        brokers: { 'mock-binance': { kind: 'mock-binance' } },
      },
    });
    using files = new Folder();
    for (const [to, from] of mountsOf(prometheus)) {
      if (from.startsWith('.')) copyFileSync(join(FOLDER, from), join(files.path, basename(to)));
    }
    const token = join(files.path, 'metrics-token');
    writeFileSync(token, 'a-token\n');
    const configuration = join(files.path, 'prometheus.yml');
    const text = readFileSync(configuration, 'utf8')
      .replace('gateway:4000', new URL(running.urls.http).host)
      .replace(TOKEN_FILE, token)
      .replaceAll('interval: 10s', 'interval: 1s');
    writeFileSync(configuration, text);
    if (existsSync('/usr/bin/promtool')) execFileSync('/usr/bin/promtool', ['check', 'config', configuration]);

    await using server = await PrometheusServer.start(configuration);
    await waitFor(async () => {
      const { activeTargets } = (await server.get('targets')) as Targets;
      if (activeTargets.some(({ health }) => health === 'down')) throw new Error(JSON.stringify(activeTargets));
      return activeTargets.length === 1 && activeTargets.every(({ health }) => health === 'up');
    }, 'the gateway to be scraped');
    const rules = await waitFor(async () => {
      const { groups } = (await server.get('rules')) as Rules;
      const all = groups.flatMap((group) => group.rules);
      return all.every(({ health }) => health !== 'unknown') && all;
    }, 'the rules to be evaluated');
    expect(rules.length).toBeGreaterThan(10);
    expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
    await waitFor(async () => {
      const { alerts } = (await server.get('alerts')) as { readonly alerts: readonly unknown[] };
      return alerts.length === 0;
    }, 'all to be well');
    // Most rules need the two, also from a gateway without Redis.
    for (const query of ['tickgraph_bus_state{state="ok"}', 'tickgraph_bus_leader{broker="mock-binance"}']) {
      expect(await server.get('query', { query })).toMatchObject({
        result: [{ metric: { job: 'tickgraph' }, value: [expect.any(Number), '1'] }],
      });
    }
    const dashboard = JSON.parse(
      readFileSync(join(projectFolder, 'deploy', 'grafana', 'tickgraph.json'), 'utf8'),
    ) as Dashboard;
    const queries = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
    expect(queries.length).toBeGreaterThan(5);
    for (const query of queries) await server.get('query', { query: query.replaceAll('$__rate_interval', '1m') });
  });
});

/** A folder of a test's own. */
class Folder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'tickgraph-prometheus-'));

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}
