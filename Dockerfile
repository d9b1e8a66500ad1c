# Two stages: the packages that serving needs are installed in the first, and only what serving needs is in the second.
FROM node:24-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The pinned runtime is an optional dependency; this image brings its own Node 24.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit && npm cache clean --force

FROM node:24-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0
WORKDIR /app
COPY --from=packages /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY schema ./schema
COPY src ./src
# By number, so that a platform can see that it is not root. Nothing is written: the root file system may be read-only.
USER 10001:10001
EXPOSE 4000
STOPSIGNAL SIGTERM
# Of the port that the environment names; a port in a configuration file alone needs a health check of its own.
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.TICKGRAPH_SERVER__PORT || process.env.PORT || 4000) + '/health').then((response) => process.exit(response.ok ? 0 : 1), () => process.exit(1))"]
# The list form: node is process 1 and hears the signals itself.
CMD ["node", "--max-semi-space-size=16", "src/index.ts", "serve"]
