# The first stage installs the packages. The second contains only what the gateway needs to run.
FROM node:24-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The pinned Node is an optional dependency, which this image does not need.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit && npm cache clean --force

FROM node:24-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0
WORKDIR /app
COPY --from=packages /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY bin ./bin
COPY schema ./schema
COPY src ./src
# The user is given by number, so that platforms can verify that it is not root. The root file system may be read-only.
USER 10001:10001
EXPOSE 4000
STOPSIGNAL SIGTERM
# This checks the port from the environment. A port that only a configuration file sets needs its own health check.
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.TICKGRAPH_SERVER__PORT || process.env.PORT || 4000) + '/health').then((response) => process.exit(response.ok ? 0 : 1), () => process.exit(1))"]
# In the list form node is process 1 and gets the signals itself.
CMD ["node", "--max-semi-space-size=16", "bin/tickgraph.cjs", "serve"]
