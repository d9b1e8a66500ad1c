// The layer table of ARCHITECTURE.md: who may import whom. Every edge that is not listed is an error.
const layers = {
  http: ['fanout', 'core', 'market', 'shared'],
  graphql: ['fanout', 'core', 'market', 'shared'],
  raw: ['fanout', 'core', 'market', 'shared'],
  fanout: ['market', 'shared'],
  core: ['bus', 'fanout', 'market', 'shared'],
  recording: ['bus', 'market', 'shared'],
  bus: ['market', 'shared'],
  config: ['market', 'shared'],
  transport: ['shared'],
  market: ['shared'],
  shared: [],
};
const venues = ['binance', 'oanda', 'mock'];

const only = (name, from, allowed) => ({
  name,
  severity: 'error',
  from: { path: from },
  to: { path: '^src/', pathNot: allowed },
});

export default {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    { name: 'client-alone', severity: 'error', from: { path: '^client/' }, to: { pathNot: '^client/' } },
    {
      name: 'web-uses-the-client-only',
      severity: 'error',
      from: { path: '^web/' },
      to: { path: '^(src|test|bench)/' },
    },
    { name: 'not-the-page', severity: 'error', from: { path: '^(src|client)/' }, to: { path: '^web/' } },
    { name: 'not-the-client', severity: 'error', from: { path: '^src/(?!cli/)' }, to: { path: '^client/' } },
    ...Object.entries(layers).map(([layer, allowed]) =>
      only(`layer-${layer}`, `^src/${layer}/`, [
        `^src/${layer}/`,
        ...allowed.map((name) => `^src/${name}/`),
        ...(layer === 'core' || layer === 'recording' ? ['^src/brokers/BaseBroker\\.ts$'] : []),
      ]),
    ),
    ...venues.map((venue) =>
      only(`layer-brokers-${venue}`, `^src/brokers/${venue}/`, [
        `^src/brokers/${venue}/`,
        '^src/brokers/[^/]+\\.ts$',
        ...['transport', 'market', 'shared'].map((name) => `^src/${name}/`),
      ]),
    ),
    only('layer-brokers-shared', '^src/brokers/[^/]+\\.ts$', [
      '^src/brokers/[^/]+\\.ts$',
      ...['transport', 'market', 'shared'].map((name) => `^src/${name}/`),
    ]),
    only('layer-base-broker', '^src/brokers/BaseBroker\\.ts$', ['^src/(market|shared)/']),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.tsx', '.mjs', '.js'],
      exportsFields: ['exports'],
      conditionNames: ['node', 'import', 'default'],
    },
  },
};
