import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Client, Provider, subscriptionExchange } from 'urql';
import { App } from './App.tsx';
import { socket } from './connection.ts';

const urql = new Client({
  // Everything goes over the socket, queries too, so that this is never asked.
  url: '/graphql',
  preferGetMethod: false,
  exchanges: [
    subscriptionExchange({
      enableAllOperations: true,
      forwardSubscription: ({ query = '', variables }) => ({
        subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables: { ...variables } }, sink) }),
      }),
    }),
  ],
});

const root = document.querySelector('#root');
if (root === null) throw new Error('The page has no element #root.');
createRoot(root).render(
  <StrictMode>
    <Provider value={urql}>
      <App />
    </Provider>
  </StrictMode>,
);
