import { createHash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import {
  css,
  editorWorkerService,
  favicon,
  graphqlWorker,
  js,
  jsonWorker,
} from '@graphql-yoga/render-graphiql/graphiql';
import { GraphiqlFetcher } from './GraphiqlFetcher.ts';
import { DEFAULT_FEED, TABS } from './graphiqlTabs.ts';
import type { PreparedPage } from './GraphiqlPage.ts';

/** Builds the page outside the main thread: nine megabytes have to be loaded and compressed. */

const BROTLI_QUALITY = 9;

const script = `
const asUrl = (source) => URL.createObjectURL(new Blob([source], { type: 'application/javascript' }));
const workers = {
  editorWorkerService: asUrl(${embedded(editorWorkerService)}),
  json: asUrl(${embedded(jsonWorker)}),
  graphql: asUrl(${embedded(graphqlWorker)}),
};
self.MonacoEnvironment = { globalAPI: false, getWorkerUrl: (_moduleId, label) => workers[label] };
${js};
const fetcher = new (${GraphiqlFetcher.toString()})({
  url: new URL(location.pathname, location.href).href,
  open: (url, protocol) => new WebSocket(url, protocol),
  post: (url, headers, body) => fetch(url, { method: 'POST', headers, body }),
});
const login = document.querySelector('#login');
const secret = login.querySelector('input');
const message = login.querySelector('output');
// Headers may be logins: none is kept in the browser, and those that an earlier version of this page kept are removed.
if (localStorage.getItem('graphiql:shouldPersistHeaders') !== 'false') {
  for (const name of ['headers', 'tabState']) localStorage.removeItem('graphiql:' + name);
}
async function show() {
  const usual = ${embedded(JSON.stringify(DEFAULT_FEED))};
  const { broker, symbol } = (await fetcher.bestFeed().catch(() => null)) ?? JSON.parse(usual);
  const tabs = ${embedded(JSON.stringify(TABS))};
  YogaGraphiQL.renderYogaGraphiQL(document.querySelector('#root'), {
    title: 'tickgraph',
    fetcher: (operation, extras) => fetcher.execute(operation, extras),
    defaultTabs: JSON.parse(tabs).map((query) => ({
      query: query.replace('"${DEFAULT_FEED.broker}"', () => JSON.stringify(broker)).replace('"${DEFAULT_FEED.symbol}"', () => JSON.stringify(symbol)),
    })),
    shouldPersistHeaders: false,
    showPersistHeadersSettings: false,
  });
}
login.addEventListener('submit', async (event) => {
  event.preventDefault();
  message.textContent = 'Asking the gateway…';
  const refusal = await fetcher.logIn(secret.value.trim());
  message.textContent = refusal ?? '';
  if (refusal !== null) return;
  secret.value = '';
  login.hidden = true;
  await show();
});
fetcher.refusal().then(
  (refusal) => {
    if (refusal === null) return show();
    message.textContent = refusal;
    login.hidden = false;
    secret.focus();
  },
  show,
);
`;

const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>tickgraph: GraphiQL</title>
<link rel="icon" href="${favicon}">
<style>${css}
#login { font: 16px/1.5 system-ui, sans-serif; max-width: 30rem; margin: 15vh auto; padding: 0 1rem; }
#login input { font: inherit; width: 100%; box-sizing: border-box; padding: .5rem; margin: .5rem 0; }
#login button { font: inherit; padding: .5rem 1.5rem; }
#login output { display: block; margin-top: 1rem; color: #b3261e; }
</style>
</head>
<body class="no-focus-outline">
<noscript>GraphiQL needs JavaScript.</noscript>
<form id="login" hidden>
<h1>tickgraph</h1>
<label for="secret">This gateway needs a login: your API key, or a token (JWT).</label>
<input id="secret" type="password" autocomplete="off" required>
<button>Log in</button>
<p>It is kept in this page's memory, until you close or reload it.</p>
<output for="secret" role="alert"></output>
</form>
<div id="root"></div>
<script>${script}</script>
</body>
</html>
`;

/** A string as JavaScript source within an HTML script element. */
function embedded(text: string): string {
  return JSON.stringify(text).replaceAll('<', String.raw`\u003c`);
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}

const bytes = Buffer.from(html, 'utf8');
const page: PreparedPage = {
  etag: `"${digest(html)}"`,
  scriptHash: `sha256-${digest(script)}`,
  gzip: gzipSync(bytes),
  brotli: brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  }),
};
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port to a thread, not a window
parentPort?.postMessage(page);
