import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { ExecutionArgs } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { createPubSub, createSchema, createYoga, Repeater } from 'graphql-yoga';
import { WebSocketServer } from 'ws';
import { graphqlEvent } from '../documents.ts';
import { listen } from './listen.ts';
import type { StartServer } from './ServerUnderTest.ts';

interface StockEvent extends Readonly<Record<string, unknown>> {
  readonly __typename?: string;
}

/** The documentation of yoga asks for this besides `args`: the executor travels as the root value. */
interface YogaRoot {
  readonly execute: (args: ExecutionArgs) => unknown;
  readonly subscribe: (args: ExecutionArgs) => unknown;
}

const folder = new URL('../../schema/', import.meta.url);

/**
 * The schema of the gateway served by graphql-yoga and graphql-ws, combined as their documentation shows, with one
 * subscription field fed by yoga's own publish and subscribe, with a topic for each symbol.
 */
export const startStock: StartServer = async ({ compressed }) => {
  const pubSub = createPubSub<{ marketData: [symbol: string, event: StockEvent] }>();
  const subscribe = (symbols: readonly string[]): AsyncIterable<StockEvent> => {
    const [first, ...others] = symbols.map((symbol) => pubSub.subscribe('marketData', symbol));
    if (first === undefined) throw new Error('no symbols');
    return others.length === 0 ? first : Repeater.merge([first, ...others]);
  };
  const yoga = createYoga({ schema: stockSchema(subscribe), logging: false });
  const server = createServer((request, response) => {
    void yoga(request, response);
  });
  const perMessageDeflate = compressed ? { threshold: 0 } : false;
  const sockets = new WebSocketServer({ server, path: yoga.graphqlEndpoint, perMessageDeflate });
  useServer(
    {
      execute: (args) => rootOf(args).execute(args) as never,
      subscribe: (args) => rootOf(args).subscribe(args) as never,
      onSubscribe: async (context, _id, params) => {
        const { request: req, socket } = context.extra;
        const enveloped = yoga.getEnveloped({ ...context, req, socket, params });
        const args = {
          schema: enveloped.schema,
          operationName: params.operationName,
          document: enveloped.parse(params.query),
          variableValues: params.variables,
          contextValue: await enveloped.contextFactory(),
          rootValue: { execute: enveloped.execute, subscribe: enveloped.subscribe },
        };
        const errors = enveloped.validate(args.schema, args.document);
        return errors.length > 0 ? errors : args;
      },
    },
    sockets,
  );
  const port = await listen(server);
  let sequence = 0;
  return {
    port,
    publish(events) {
      for (const event of events) {
        sequence += 1;
        pubSub.publish('marketData', event.symbol, graphqlEvent(event, sequence));
      }
    },
    // Messages that are being compressed are not in the sockets yet.
    ...(compressed && { isBehind: () => [...sockets.clients].some((socket) => socket.bufferedAmount > 0) }),
    [Symbol.asyncDispose]() {
      for (const socket of sockets.clients) socket.terminate();
      server.close();
      return Promise.resolve();
    },
  };
};

function stockSchema(
  subscribe: (symbols: readonly string[]) => AsyncIterable<StockEvent>,
): ReturnType<typeof createSchema> {
  const files = readdirSync(folder).filter((name) => name.endsWith('.graphql'));
  return createSchema({
    typeDefs: files.map((name) => readFileSync(new URL(name, folder), 'utf8')),
    resolvers: {
      MarketData: { __resolveType: (event: StockEvent) => event['__typename'] },
      Subscription: {
        marketData: {
          subscribe: (_root: unknown, { symbols }: { readonly symbols: readonly string[] }) => subscribe(symbols),
          resolve: (event: StockEvent) => event,
        },
      },
    },
  });
}

function rootOf({ rootValue }: ExecutionArgs): YogaRoot {
  return rootValue as YogaRoot;
}
