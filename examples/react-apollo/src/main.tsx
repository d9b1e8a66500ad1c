import { ApolloClient, InMemoryCache } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { ApolloProvider } from '@apollo/client/react';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './App.tsx';
import { socket } from './connection.ts';

const apollo = new ApolloClient({
  link: new GraphQLWsLink(socket),
  cache: new InMemoryCache({
    // With this, fragments on MarketData match its types in the cache.
    possibleTypes: { MarketData: ['Tick', 'Trade', 'Candle', 'OrderBook', 'FeedStatus'] },
    // No event is an entity: each is a fact of its own, which never changes. So the cache keeps it inside of the query that asked
    // for it, and forgets it with that query. (For the same reason no event has a field `id`.)
    typePolicies: { MarketData: { keyFields: false }, PriceLevel: { keyFields: false } },
  }),
});

const root = document.querySelector('#root');
if (root === null) throw new Error('The page has no element #root.');
createRoot(root).render(
  <StrictMode>
    <ApolloProvider client={apollo}>
      <App />
    </ApolloProvider>
  </StrictMode>,
);
