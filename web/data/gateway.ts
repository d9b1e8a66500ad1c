import { signal } from '@preact/signals';
import { Client as UrqlClient, subscriptionExchange } from '@urql/core';
import { createClient } from 'graphql-ws/client';
import { resumable } from '../../client/index.ts';
import { pageClock } from '../ui/clock.ts';
import type { LinkState } from './words.ts';

/** A person's login. It is kept in memory only, so a reload of the page asks for it again. */
export type Login = { readonly token: string } | { readonly apiKey: string };

/** How the page's one connection to the gateway is. */
export const link = signal<LinkState>('connecting');
/** Rises whenever subscriptions that had ended may be tried again: a login, credentials for a broker. */
export const generation = signal(0);
/** Rises with every connection, for what has to be asked again then. */
export const connections = signal(0);
/** Whether the gateway demands logins. */
export const needsLogin = signal(false);
/** Whether a login that somebody gave was refused. */
export const wasRefused = signal(false);

/** The gateway closes a connection with it that has no valid login, or names a session that there is no more. */
const FORBIDDEN = 4403;
/** Three of the gateway's heartbeats. */
const SILENT_MS = 36_000;
const CHECK_MS = 4_000;
const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 5_000;

let login: Login | null = null;
let session: string | null = null;
let heardAtMs = pageClock.monotonic();

const scheme = location.protocol === 'https:' ? 'wss' : 'ws';

/** The one connection. It comes back by itself, and subscriptions go on where they were. */
export const socket = createClient({
  url: `${scheme}://${location.host}/graphql`,
  lazy: false,
  connectionParams: () => ({ ...login, ...(session === null ? {} : { session }) }),
  on: {
    connected: () => {
      heard();
      link.value = 'open';
      connections.value += 1;
    },
    message: heard,
    ping: heard,
    closed: (event) => {
      if (isForbidden(event) && session === null) refuse();
      else if (link.value !== 'refused') link.value = 'reconnecting';
      // A session ends with the gateway that knew it. What it held has to be given again.
      if (isForbidden(event)) session = null;
    },
  },
  onNonLazyError: () => undefined,
  ...resumable({
    // A page waits less long than a program does: somebody looks at it.
    retryWait: (retries) =>
      new Promise((resolve) => {
        const longest = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** retries);
        pageClock.after(longest * (0.5 + 0.5 * pageClock.random()), () => {
          resolve();
        });
      }),
    // Every subscription asks this after `closed` was told.
    shouldRetry: (problem) =>
      isForbidden(problem) ? link.peek() !== 'refused' : !(problem instanceof Error) || 'code' in problem,
  }),
});

/** Queries and mutations go over the same connection, so that they have its login and its session. */
export const urql = new UrqlClient({
  url: '/graphql',
  preferGetMethod: false,
  exchanges: [
    subscriptionExchange({
      enableAllOperations: true,
      forwardSubscription: ({ query = '', variables }) => ({
        subscribe: (sink) => ({
          unsubscribe: socket.subscribe(
            { query, variables: { ...variables } },
            {
              // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- urql's type for the same result.
              next: (result) => sink.next(result as Parameters<typeof sink.next>[0]),
              error: (problem) => sink.error(problem),
              complete: () => sink.complete(),
            },
          ),
        }),
      }),
    }),
  ],
});

/** Logs in, and opens everything again that was refused without a login. */
export function logIn(next: Login): void {
  login = next;
  link.value = 'connecting';
  generation.value += 1;
}

/** Keeps the session that holds a broker's credentials, so that they are valid on the next connection too. */
export function keepSession(token: string): void {
  session = token;
  generation.value += 1;
}

/** Ends connections that have gone silent: a network may go away without a word. */
export function watchSilence(): void {
  pageClock.every(CHECK_MS, () => {
    if (link.value !== 'open' || pageClock.monotonic() - heardAtMs < SILENT_MS) return;
    heard();
    socket.terminate();
  });
}

function refuse(): void {
  wasRefused.value = login !== null;
  login = null;
  link.value = 'refused';
  needsLogin.value = true;
}

function heard(): void {
  heardAtMs = pageClock.monotonic();
}

function isForbidden(problem: unknown): boolean {
  return typeof problem === 'object' && problem !== null && 'code' in problem && problem.code === FORBIDDEN;
}
