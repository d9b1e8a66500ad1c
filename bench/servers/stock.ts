import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { ExecutionArgs } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { createPubSub, createSchema, createYoga } from 'graphql-yoga';
import { WebSocketServer } from 'ws';
import { graphqlEvent } from '../documents.ts';
import { listen } from './listen.ts';
import type { StartServer } from './ServerUnderTest.ts';

interface StockEvent extends Readonly<Record<string, unknown>> {
  readonly __typename?: string;
}

/** What yoga's documentation has one do beside `args`: the executor travels as the root value. */
interface YogaRoot {
  readonly execute: (args: ExecutionArgs) => unknown;
  readonly subscribe: (args: ExecutionArgs) => unknown;
}

const folder = new URL('../../schema/', import.meta.url);

/**
 * The schema of the gateway served by graphql-yoga and graphql-ws, put together as their documentation has it, and one
 * subscription field fed by yoga's own publish and subscribe.
 */
export const startStock: StartServer = async () => {
  const pubSub = createPubSub<{ marketData: [event: StockEvent] }>();
  const yoga = createYoga({ schema: stockSchema(() => pubSub.subscribe('marketData')), logging: false });
  const server = createServer((request, response) => {
    void yoga(request, response);
  });
  const sockets = new WebSocketServer({ server, path: yoga.graphqlEndpoint });
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
        pubSub.publish('marketData', graphqlEvent(event, sequence));
      }
    },
    [Symbol.asyncDispose]() {
      for (const socket of sockets.clients) socket.terminate();
      server.close();
      return Promise.resolve();
    },
  };
};

function stockSchema(subscribe: () => AsyncIterable<StockEvent>): ReturnType<typeof createSchema> {
  const files = readdirSync(folder).filter((name) => name.endsWith('.graphql'));
  return createSchema({
    typeDefs: files.map((name) => readFileSync(new URL(name, folder), 'utf8')),
    resolvers: {
      MarketData: { __resolveType: (event: StockEvent) => event['__typename'] },
      Subscription: { marketData: { subscribe, resolve: (event: StockEvent) => event } },
    },
  });
}

function rootOf({ rootValue }: ExecutionArgs): YogaRoot {
  return rootValue as YogaRoot;
}
