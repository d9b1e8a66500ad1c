# The image has what the package has, and the packages that it needs. It is compiled in a stage that is left behind.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY tools ./tools
# Optional packages too: the tools that build the dashboard have their native parts among them.
RUN npm ci --ignore-scripts --no-audit
COPY tsconfig.json tsconfig.build.json build.ts ./
COPY schema ./schema
COPY client ./client
COPY src ./src
COPY web ./web
# The pinned Node is an optional dependency, which this image does not need.
RUN npm run build && npm ci --omit=dev --omit=optional --ignore-scripts --no-audit

FROM node:24-bookworm-slim
LABEL org.opencontainers.image.title="tickgraph" \
  org.opencontainers.image.description="A gateway for live market data: brokers in, GraphQL subscriptions and raw JSON out." \
  org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production HOST=0.0.0.0
WORKDIR /app
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json LICENSE ./
COPY bin ./bin
# The user is given by number, so that platforms can verify that it is not root. The root file system may be read-only.
USER 10001:10001
EXPOSE 4000
STOPSIGNAL SIGTERM
# It reads the same configuration as the gateway, so it knows the port, also from a file that TICKGRAPH_CONFIG names.
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s CMD ["node", "bin/tickgraph.cjs", "health"]
# In the list form node is process 1 and gets the signals itself.
CMD ["node", "--max-semi-space-size=16", "bin/tickgraph.cjs", "serve"]
