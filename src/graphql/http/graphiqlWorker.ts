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
import type { PreparedPage } from './GraphiqlPage.ts';

/** Builds the page outside the main thread: nine megabytes have to be loaded and compressed. */

const BROTLI_QUALITY = 9;

const DEFAULT_QUERY = `# tickgraph: live market data. Batch a query, or a subscription (over WebSocket).

query Brokers {
  brokers {
    id
    state
    supportedTypes
    requiresAuthentication
  }
}

subscription Ticks {
  marketData(broker: "mock-binance", symbols: ["BTCUSDT"], types: [TICK]) {
    symbol
    time
    ... on Tick {
      bid
      ask
    }
  }
}
`;

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
YogaGraphiQL.renderYogaGraphiQL(document.querySelector('#root'), {
  title: 'tickgraph',
  fetcher: (operation, extras) => fetcher.execute(operation, extras),
  defaultQuery: ${embedded(DEFAULT_QUERY)},
});
`;

const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>tickgraph: GraphiQL</title>
<link rel="icon" href="${favicon}">
<style>${css}</style>
</head>
<body class="no-focus-outline">
<noscript>GraphiQL needs JavaScript.</noscript>
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
