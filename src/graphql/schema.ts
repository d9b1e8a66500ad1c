import { readdirSync, readFileSync } from 'node:fs';
import { makeExecutableSchema } from '@graphql-tools/schema';
import type { GraphQLScalarType, GraphQLSchema } from 'graphql';
import type { GraphqlContext } from './context.ts';
import { enums } from './resolvers/enums.ts';
import { mutation } from './resolvers/mutation.ts';
import { instrumentConnection, query } from './resolvers/query.ts';
import { subscription } from './resolvers/subscription.ts';
import { marketData } from './resolvers/marketData.ts';
import { decimalScalar, safeIntScalar, timestampScalar } from './scalars.ts';

const folder = new URL('../../schema/', import.meta.url);

/** A scalar without its name and description: these are the schema's to give. */
function codecOf<Internal, External>({
  serialize,
  parseValue,
  parseLiteral,
}: GraphQLScalarType<Internal, External>): Pick<GraphQLScalarType, 'serialize' | 'parseValue' | 'parseLiteral'> {
  return { serialize, parseValue, parseLiteral };
}

/** The contract in schema/ with what answers it. Reads files: once, at the start. */
export function loadSchema(): GraphQLSchema {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.graphql'))
    .toSorted();
  return makeExecutableSchema<GraphqlContext>({
    typeDefs: files.map((name) => readFileSync(new URL(name, folder), 'utf8')),
    resolverValidationOptions: { requireResolversToMatchSchema: 'error', requireResolversForResolveType: 'error' },
    resolvers: {
      ...enums,
      Decimal: codecOf(decimalScalar),
      Timestamp: codecOf(timestampScalar),
      SafeInt: codecOf(safeIntScalar),
      MarketData: marketData,
      InstrumentConnection: instrumentConnection,
      Query: query,
      Mutation: mutation,
      Subscription: subscription,
    },
  });
}
