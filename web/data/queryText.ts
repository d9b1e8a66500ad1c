import type { MarketDataOptions, MarketDataRequest, MarketDataType } from '../../client/index.ts';
import { intervalName } from './viewLink.ts';

/** The ways in which a panel's query can be copied. */
export const QUERY_FORMS = ['GraphQL', 'curl', 'wscat', 'TypeScript'] as const;
export type QueryForm = (typeof QUERY_FORMS)[number];

export interface QueryContext {
  /** The gateway's address, as `http://127.0.0.1:4000`. */
  readonly origin: string;
  /** Whether clients have to log in. The text then names a variable of the shell, and never the login itself. */
  readonly needsLogin: boolean;
}

const FIELDS: Readonly<Record<MarketDataType, string>> = {
  TICK: '... on Tick { bid bidSize ask askSize last mid spread }',
  TRADE: '... on Trade { tradeId price size side backfilled }',
  CANDLE: '... on Candle { interval openTime open high low close volume closed }',
  ORDERBOOK: '... on OrderBook { kind bids { price size } asks { price size } }',
  STATUS: '... on FeedStatus { state reason gap { type from to } replay { recovered events complete } }',
};

/** Writes a panel's query so that it can be pasted elsewhere and gives the same. */
export function queryText(form: QueryForm, request: MarketDataRequest, context: QueryContext): string {
  switch (form) {
    case 'GraphQL':
      return graphqlText(request);
    case 'curl':
      return curlText(request, context);
    case 'wscat':
      return wscatText(request, context);
    case 'TypeScript':
      return typescriptText(request, context);
    default:
      return form satisfies never;
  }
}

function graphqlText(request: MarketDataRequest): string {
  const types = typesOf(request);
  const lines = ['__typename broker symbol time receivedAt sequence', ...types.map((type) => FIELDS[type])];
  return `subscription {\n  marketData(${argumentsOf(request)}) {\n${lines.map((line) => `    ${line}\n`).join('')}  }\n}\n`;
}

function curlText(request: MarketDataRequest, { origin, needsLogin }: QueryContext): string {
  const body = JSON.stringify({ query: graphqlText(request).replaceAll(/\s+/g, ' ').trim() });
  const login = needsLogin ? ` -H "authorization: Bearer $TOKEN"` : '';
  return (
    `curl -N ${quoted(`${origin}/graphql`)} -H 'accept: text/event-stream' -H 'content-type: application/json'${login} \\\n` +
    `  -d ${quoted(body)}\n`
  );
}

function wscatText(request: MarketDataRequest, { origin, needsLogin }: QueryContext): string {
  const login = needsLogin ? ` -H "authorization: Bearer $TOKEN"` : '';
  return `npx wscat -c ${quoted(`${wsOrigin(origin)}/ws`)}${login} -w 3600 \\\n  -x ${quoted(JSON.stringify(rawMessage(request)))}\n`;
}

/** The raw protocol's message. It tells the state of a feed without being asked. */
function rawMessage({ broker, symbols, types = ['TICK'], options }: MarketDataRequest): object {
  const { interval, book, ...rest } = options ?? {};
  return {
    action: 'subscribe',
    ...(broker === undefined ? {} : { broker }),
    symbols,
    types: types.filter((type) => type !== 'STATUS').map((type) => type.toLowerCase()),
    ...(options === undefined
      ? {}
      : {
          options: {
            ...(interval === undefined ? {} : { interval: intervalName(interval) }),
            ...(book === undefined ? {} : { book: book.toLowerCase() }),
            ...rest,
          },
        }),
  };
}

function typescriptText({ broker, symbols, types, options }: MarketDataRequest, context: QueryContext): string {
  const url = `${wsOrigin(context.origin)}/graphql`;
  const login = context.needsLogin ? ' connectionParams: { token: process.env.TOKEN },' : '';
  const request = JSON.stringify({ broker, symbols, types, options }, null, 2).replaceAll('\n', '\n  ');
  return `import { createClient } from 'graphql-ws';
import { resumable, subscribeMarketData } from 'tickgraph/client';

const client = createClient({ url: ${JSON.stringify(url)},${login} ...resumable() });
subscribeMarketData(
  client,
  ${request},
  { next: (event) => console.log(event), error: (problem) => console.error(problem), complete: () => {} },
);
`;
}

function argumentsOf({ broker, symbols, types, options }: MarketDataRequest): string {
  const given = [
    ...(broker === undefined ? [] : [`broker: ${JSON.stringify(broker)}`]),
    `symbols: ${JSON.stringify(symbols)}`,
    ...(types === undefined ? [] : [`types: [${types.join(', ')}]`]),
    ...(options === undefined ? [] : [`options: { ${optionsOf(options)} }`]),
  ];
  return given.join(', ');
}

/** The values are numbers, truth values and names of enums, none of which is quoted. */
function optionsOf(options: MarketDataOptions): string {
  return Object.entries(options)
    .map(([name, value]) => `${name}: ${String(value)}`)
    .join(', ');
}

function typesOf({ types = ['TICK'] }: MarketDataRequest): readonly MarketDataType[] {
  return types;
}

function wsOrigin(origin: string): string {
  return origin.replace(/^http/, 'ws');
}

/** A text for a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
