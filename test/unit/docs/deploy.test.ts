import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { startGateway } from '../../support/startGateway.ts';
import { load, valid } from '../config/support.ts';

interface Service {
  readonly build?: { readonly context: string };
  readonly environment?: Readonly<Record<string, string>>;
  readonly depends_on?: readonly string[] | Readonly<Record<string, unknown>>;
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly stop_grace_period?: string;
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: {
    readonly default: { readonly ipam: { readonly config: readonly [{ readonly subnet: string }] } };
  };
}

type Labels = Readonly<Record<string, string>>;

interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly secretKeyRef: { readonly name: string; readonly key: string } };
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

interface Deployment {
  readonly spec: {
    readonly selector: { readonly matchLabels: Labels };
    readonly template: {
      readonly metadata: { readonly labels: Labels };
      readonly spec: {
        readonly terminationGracePeriodSeconds: number;
        readonly topologySpreadConstraints: readonly { readonly labelSelector: { readonly matchLabels: Labels } }[];
        readonly containers: readonly [Container];
      };
    };
  };
}

interface Container {
  readonly ports: readonly [{ readonly name: string; readonly containerPort: number }];
  readonly env: readonly Variable[];
  readonly readinessProbe: Probe;
  readonly livenessProbe: Probe;
  readonly lifecycle: { readonly preStop: { readonly sleep: { readonly seconds: number } } };
  readonly resources: { readonly limits: { readonly memory: string } };
}

interface Manifests {
  readonly Secret: {
    readonly metadata: { readonly name: string };
    readonly stringData: Readonly<Record<string, string>>;
  };
  readonly Deployment: Deployment;
  readonly PodDisruptionBudget: { readonly spec: { readonly selector: { readonly matchLabels: Labels } } };
  readonly Service: {
    readonly spec: { readonly selector: Labels; readonly ports: readonly [{ readonly targetPort: string }] };
  };
}

function read(path: string): string {
  return readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
}

const compose = parse(read('deploy/docker-compose.yaml'), { merge: true }) as Compose;
const services = Object.entries(compose.services);
const gateways = services.filter(([, { build }]) => build !== undefined);
const manifests = Object.fromEntries(
  parseAllDocuments(read('deploy/kubernetes.yaml')).map((document) => {
    const value = document.toJS() as { readonly kind: keyof Manifests };
    return [value.kind, value];
  }),
) as unknown as Manifests;
const pod = manifests.Deployment.spec.template;
const [container] = pod.spec.containers;
const nginx = read('deploy/nginx.conf');
const { server } = valid(load({}));
/** A gateway ends within a second of it, also if it has to give up on a client. */
const stopMs = server.shutdownTimeoutMs + 1_000;

/** The variables of the container, with what the secret has. */
function environment(): Readonly<Record<string, string>> {
  const { stringData } = manifests.Secret;
  return Object.fromEntries(
    container.env.map(({ name, value, valueFrom }) => [
      name,
      value ?? stringData[valueFrom?.secretKeyRef.key ?? ''] ?? '',
    ]),
  );
}

/** The directives of an nginx configuration that say how requests are passed on. */
function proxying(text: string): readonly string[] {
  return [...text.matchAll(/^ *(proxy_[^;]*);/gm)].map(([, directive = '']) => directive);
}

describe('the file for docker compose', () => {
  it('runs several gateways with settings that there are, on one Redis that is one of its services', () => {
    expect(gateways.length).toBeGreaterThan(1);
    for (const [, { environment: env = {} }] of gateways) {
      const { bus } = valid(load({ env }));
      expect(bus.engine).toBe('redis');
      expect(services.map(([name]) => name)).toContain(new URL(bus.redis.url ?? '').hostname);
    }
  });

  it('trusts the network that it makes, where the proxy is, and no other', () => {
    const [{ subnet }] = compose.networks.default.ipam.config;
    for (const [, { environment: env = {} }] of gateways) {
      expect(valid(load({ env })).server.trustedProxies).toEqual([subnet]);
    }
  });

  it('refers to services and files that there are', () => {
    for (const [, { build, depends_on: needed = [], volumes = [] }] of services) {
      const all = Array.isArray(needed) ? needed : Object.keys(needed);
      for (const name of all) expect(services.map(([each]) => each)).toContain(name);
      for (const volume of volumes) expect(existsSync(file(volume.split(':')[0] ?? '')), volume).toBe(true);
      if (build !== undefined) expect(existsSync(file(`${build.context}/Dockerfile`))).toBe(true);
    }
  });

  it('gives a gateway the time that it takes to stop', () => {
    for (const [, { stop_grace_period: period = '' }] of gateways) {
      expect(Number(/^(\d+)s$/.exec(period)?.[1]) * 1_000).toBeGreaterThan(stopMs);
    }
  });

  it('publishes the port of the proxy, and no other', () => {
    const published = services.flatMap(([, { ports = [] }]) => ports);
    expect(published).toEqual([`8080:${/listen (\d+);/.exec(nginx)?.[1]}`]);
  });

  function file(path: string): URL {
    return new URL(path, new URL('../../../deploy/', import.meta.url));
  }
});

describe('the manifests for Kubernetes', () => {
  it('set what the configuration knows, and take secrets from the secret', () => {
    const { bus, metrics } = valid(load({ env: environment() }));
    expect(bus).toMatchObject({ engine: 'redis', redis: { url: expect.stringMatching(/^rediss:/) } });
    expect(metrics).toMatchObject({ access: 'token', token: manifests.Secret.stringData['metrics-token'] });
    for (const { valueFrom } of container.env) {
      if (valueFrom === undefined) continue;
      expect(valueFrom.secretKeyRef.name).toBe(manifests.Secret.metadata.name);
      expect(Object.keys(manifests.Secret.stringData)).toContain(valueFrom.secretKeyRef.key);
    }
  });

  it('select the pods that they make', () => {
    const { labels } = pod.metadata;
    const selectors = [
      manifests.Deployment.spec.selector.matchLabels,
      manifests.PodDisruptionBudget.spec.selector.matchLabels,
      manifests.Service.spec.selector,
      ...pod.spec.topologySpreadConstraints.map(({ labelSelector }) => labelSelector.matchLabels),
    ];
    for (const selector of selectors) expect(selector).toEqual(labels);
  });

  it('use the port that the image listens at', () => {
    const [{ name, containerPort }] = container.ports;
    expect(containerPort).toBe(server.port);
    expect(read('Dockerfile')).toMatch(new RegExp(`^EXPOSE ${containerPort}$`, 'm'));
    expect(manifests.Service.spec.ports[0].targetPort).toBe(name);
    for (const { httpGet } of [container.readinessProbe, container.livenessProbe]) expect(httpGet.port).toBe(name);
  });

  it('probe paths that a gateway answers with 200', async () => {
    await using gateway = await startGateway();
    expect(container.readinessProbe.httpGet.path).toBe('/ready');
    expect(container.livenessProbe.httpGet.path).toBe('/health');
    for (const { httpGet } of [container.readinessProbe, container.livenessProbe]) {
      expect((await fetch(gateway.urls.http + httpGet.path)).status).toBe(200);
    }
  });

  it('give a gateway the time that it takes to be left alone and to stop', () => {
    const waitMs = container.lifecycle.preStop.sleep.seconds * 1_000;
    expect(waitMs).toBeGreaterThan(0);
    expect(pod.spec.terminationGracePeriodSeconds * 1_000).toBeGreaterThan(waitMs + stopMs);
  });

  it('have the limit of memory that the alert is about', () => {
    expect(container.resources.limits.memory).toBe('1Gi');
    expect(read('deploy/alerts.yaml')).toContain('process_resident_memory_bytes > 0.8 * 1024 * 1024 * 1024');
  });
});

describe('the configuration of nginx', () => {
  it('passes requests on to every gateway that docker compose runs, at its port', () => {
    const upstreams = [...nginx.matchAll(/^ *server ([\w-]+:\d+);/gm)].map(([, upstream]) => upstream);
    expect(upstreams).toEqual(gateways.map(([name]) => `${name}:${server.port}`));
  });

  it('does so as the page on operating says, but for the addresses that clients claim', () => {
    const own = new Set(proxying(nginx));
    const told = proxying(/```nginx\n([^]*?)```/.exec(read('docs/operating.md'))?.[1] ?? '');
    expect(told.length).toBeGreaterThan(6);
    const missing = told.filter((directive) => !own.has(directive));
    expect(missing).toEqual([
      'proxy_pass http://127.0.0.1:4000',
      'proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for',
    ]);
    expect(own).toContain('proxy_set_header X-Forwarded-For $remote_addr');
  });

  it('waits for longer than the gateway is silent', () => {
    const { heartbeat } = valid(load({}));
    const seconds = /proxy_read_timeout (\d+)s;/.exec(nginx)?.[1];
    expect(Number(seconds) * 1_000).toBeGreaterThan(2 * Math.max(heartbeat.rawMs, heartbeat.graphqlMs));
  });
});
