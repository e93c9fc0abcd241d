# syntax=docker/dockerfile:1
# The server with its locked dependencies, as a user without rights. The log of events is in a volume.
#
#   docker build -t mcp-rewind .
#   docker run --rm -p 127.0.0.1:8080:8080 -v events:/var/lib/mcp-server mcp-rewind

FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/mcp-server
WORKDIR /src
# What changes seldom comes first: these layers are built again only when the locks change.
COPY requirements-production.txt requirements/build.txt ./
RUN /opt/mcp-server/bin/pip install --require-hashes -r requirements-production.txt
RUN python -m venv /opt/build && /opt/build/bin/pip install --require-hashes -r build.txt
COPY pyproject.toml README.md LICENSE ./
COPY events events
COPY operators operators
COPY pipeline pipeline
COPY adapters adapters
COPY replay replay
COPY mcp_server mcp_server
# A wheel of what is in the tree, without a look at any index.
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/mcp-server/bin/pip install --no-deps --no-index /wheels/*.whl

FROM python:3.11-slim
RUN groupadd --system --gid 10001 mcp \
    && useradd --system --uid 10001 --gid mcp --home-dir /var/lib/mcp-server --shell /usr/sbin/nologin mcp \
    && install --directory --owner=mcp --group=mcp --mode=0700 /var/lib/mcp-server /var/log/mcp-server
COPY --from=build /opt/mcp-server /opt/mcp-server
WORKDIR /app
COPY config config
# Inside a container "every address" is the container's own; who may reach it is decided where its ports are published.
ENV PATH=/opt/mcp-server/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MCP_HOST=0.0.0.0 \
    MCP_METRICS_HOST=0.0.0.0 \
    MCP_STORE=sqlite:////var/lib/mcp-server/events.db
USER mcp
VOLUME ["/var/lib/mcp-server", "/var/log/mcp-server"]
EXPOSE 8080 8001
# SIGTERM lets calls finish; give it longer than drain_timeout before you kill it: docker stop --time 30.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/health', timeout=2).close()"]
CMD ["python", "-m", "mcp_server.server", "--transport", "websocket", "--port", "8080"]
