import { readOnly } from './respond.ts';
import type { RequestHandler } from './respond.ts';

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>tickgraph</title>
<h1>tickgraph</h1>
<p>A gateway for live market data.</p>
<ul>
<li><a href="/graphql">/graphql</a>: GraphQL, and subscriptions over WebSocket (graphql-transport-ws) and server-sent events
<li>/ws: raw JSON over WebSocket
<li><a href="/health">/health</a>: whether the process serves
<li><a href="/ready">/ready</a>: whether it can do useful work, and how each broker does
<li><a href="/metrics">/metrics</a>: Prometheus metrics
</ul>
</html>
`;

/** `/`: what there is. It loads nothing and runs nothing, and says so to the browser. */
export const indexPage: RequestHandler = readOnly((_request, response) => {
  response.writeHead(200, {
    'content-type': 'text/html; charset=utf-8',
    'content-length': Buffer.byteLength(PAGE),
    'content-security-policy': "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-cache',
  });
  response.end(PAGE);
});
