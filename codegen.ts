import type { CodegenConfig } from '@graphql-codegen/cli';
import { enums } from './src/graphql/resolvers/enums.ts';

/** schema/ → src/graphql/generated.ts: the resolvers' types, in terms of the domain's own. Imports are as seen from there. */
const market = '../market/marketData.ts';

const config: CodegenConfig = {
  schema: 'schema/*.graphql',
  generates: {
    'src/graphql/generated.ts': {
      plugins: ['typescript', 'typescript-resolvers'],
      config: {
        useTypeImports: true,
        emitLegacyCommonJSImports: false,
        importExtension: '.ts',
        enumsAsTypes: true,
        immutableTypes: true,
        avoidOptionals: { field: true, defaultValue: true },
        contextType: './context.ts#GraphqlContext',
        strictScalars: true,
        defaultScalarType: 'unknown',
        scalars: {
          ID: 'string',
          Decimal: '../market/decimal.ts#Decimal',
          Timestamp: '../market/timestamp.ts#Timestamp',
          SafeInt: 'number',
        },
        enumValues: enums,
        mappers: {
          MarketData: `${market}#MarketData as MarketDataModel`,
          Tick: `${market}#Tick as TickModel`,
          Trade: `${market}#Trade as TradeModel`,
          Candle: `${market}#Candle as CandleModel`,
          OrderBook: `${market}#OrderBookUpdate as OrderBookModel`,
          FeedStatus: `${market}#FeedStatus as FeedStatusModel`,
          Broker: '../core/brokerInfo.ts#BrokerInfo as BrokerModel',
        },
      },
    },
  },
};

export default config;
