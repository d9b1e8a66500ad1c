import { readFileSync } from 'node:fs';
import { collectDefaultMetrics } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { Metrics } from '../../../src/shared/metrics.ts';
import { load, valid } from '../config/support.ts';

const read = (name: string): string => readFileSync(new URL(`../../../deploy/${name}`, import.meta.url), 'utf8');
const metrics = new Metrics();
collectDefaultMetrics({ register: metrics.registry });

/** The labels of every metric, and of every series of a histogram. */
async function knownMetrics(): Promise<ReadonlyMap<string, readonly string[]>> {
  const known = new Map<string, readonly string[]>();
  for (const { name, type } of await metrics.registry.getMetricsAsJSON()) {
    const labels = labelsOf(name);
    known.set(name, labels);
    if (String(type) !== 'histogram') continue;
    known.set(`${name}_bucket`, [...labels, 'le']);
    for (const part of ['_sum', '_count']) known.set(name + part, labels);
  }
  return known;
}

function labelsOf(name: string): readonly string[] {
  const metric: unknown = metrics.registry.getSingleMetric(name);
  return typeof metric === 'object' && metric !== null && 'labelNames' in metric && Array.isArray(metric.labelNames)
    ? metric.labelNames.map(String)
    : [];
}

/** The expressions of the alert rules and of the dashboard's panels. */
function expressions(): readonly string[] {
  const rules = parse(read('alerts.yaml')) as { groups: { rules: { expr: string }[] }[] };
  const board = JSON.parse(read('grafana/tickgraph.json')) as { panels: { targets: { expr: string }[] }[] };
  return [
    ...rules.groups.flatMap(({ rules: all }) => all.map(({ expr }) => expr)),
    ...board.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
  ];
}

describe('the alert rules and the dashboard', () => {
  it('ask for metrics that there are, by labels that they have', async () => {
    const known = await knownMetrics();
    const all = expressions();
    expect(all.length).toBeGreaterThan(20);
    for (const expression of all) {
      const names = expression.match(/\b(?:tickgraph|nodejs|process)_\w+/g) ?? [];
      expect(names, expression).not.toEqual([]);
      for (const name of names) expect([...known.keys()], expression).toContain(name);
      const allowed = new Set(['instance', ...names.flatMap((name) => known.get(name) ?? [])]);
      const grouped = [...expression.matchAll(/(?:by|on) \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(', '));
      const matched = [...expression.matchAll(/\{(\w+)="/g)].map(([, label = '']) => label);
      for (const label of [...grouped, ...matched]) expect([...allowed], expression).toContain(label);
    }
  });

  it('ask for every metric of the bus', async () => {
    const text = `${expressions().join('\n')}\n${readFileSync(new URL('../../../docs/scaling.md', import.meta.url), 'utf8')}`;
    for (const name of (await knownMetrics()).keys()) {
      if (name.startsWith('tickgraph_bus_') && !/_(?:bucket|sum|count)$/.test(name)) expect(text).toContain(name);
    }
  });
});

describe('the files for docker compose and Kubernetes', () => {
  it.each(['docker-compose.yaml', 'kubernetes.yaml'])('%s sets what the configuration knows', (name) => {
    const documents = parseAllDocuments(read(name), { merge: true }).map((document): unknown => document.toJS());
    const env = Object.assign({}, ...documents.flatMap(environments)) as Record<string, string>;
    expect(Object.keys(env)).toContain('TICKGRAPH_BUS__ENGINE');
    const config = valid(load({ env: { ...env, REDIS_URL: env['REDIS_URL'] ?? 'redis://from-a-secret' } }));
    expect(config.bus).toMatchObject({ engine: 'redis' });
  });

  it('probe paths that there are, at the port that the image listens at', () => {
    const text = read('kubernetes.yaml');
    expect([...text.matchAll(/path: (\S+),/g)].map(([, path]) => path)).toEqual(['/ready', '/health']);
    expect(text).toContain('containerPort: 4000');
    expect(read('nginx.conf').match(/server gateway-\w:4000;/g)).toHaveLength(2);
  });

  it('give a gateway the time that it takes to stop', () => {
    const { server } = valid(load({}));
    const seconds = /terminationGracePeriodSeconds: (\d+)/.exec(read('kubernetes.yaml'))?.[1];
    expect(Number(seconds) * 1_000).toBeGreaterThan(server.shutdownTimeoutMs + 3_000);
  });
});

/** Every map of environment variables in a document: those of compose, and the lists of Kubernetes. */
function environments(value: unknown): readonly Record<string, string>[] {
  if (typeof value !== 'object' || value === null) return [];
  if ('environment' in value) return [value.environment as Record<string, string>];
  if ('env' in value && Array.isArray(value.env)) {
    const entries = value.env as { name: string; value?: string }[];
    return [Object.fromEntries(entries.flatMap(({ name, value: text }) => (text === undefined ? [] : [[name, text]])))];
  }
  return Object.values(value).flatMap(environments);
}
