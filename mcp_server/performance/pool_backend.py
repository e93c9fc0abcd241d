"""What keeps the connections of a pool: psycopg's pool for PostgreSQL, aiosqlitepool for SQLite."""

from typing import Any, Protocol

from mcp_server.performance.database_url import DatabaseUrl
from mcp_server.performance.pool_config import ConnectionPoolConfig


class Backend(Protocol):
    """The connections of one database. No more than ``max_connections`` are taken from it at a time."""

    @property
    def idle(self) -> int:
        """Connections that nobody uses."""

    @property
    def replaced(self) -> int:
        """Connections that were replaced."""

    async def open(self) -> None:
        """Begin. Raises ``ConnectionError`` when it is clear that no connection can be made."""

    async def take(self, seconds: float) -> Any:
        """A connection that answers; ``TimeoutError`` or ``ConnectionError``, with the reason if known, if none does.

        A caller that is cancelled loses none.
        """

    async def give_back(self, connection: Any, *, failed: bool) -> None:
        """End the transaction of ``connection``, and keep it for the next."""

    async def close(self) -> None:
        """Close the connections; those that are in use, when they come back."""


def backend_for(url: DatabaseUrl, config: ConnectionPoolConfig) -> Backend:
    """The backend that talks to the database at ``url``.

    Raises:
        ValueError: The URL cannot be read.
    """
    least, most = config.min_connections, config.max_connections
    idle, lifetime = config.idle_timeout, config.max_lifetime
    if url.kind == "sqlite":
        from adapters.sqlite_pool import SqlitePool

        return SqlitePool(url.path, url.sqlite_uri, least=least, most=most, idle=idle, lifetime=lifetime)
    from adapters.postgres_pool import PostgresPool

    try:
        return PostgresPool(url.secret, least=least, most=most, idle=idle, lifetime=lifetime)
    except ValueError as error:
        raise ValueError(f"{url}: {error}") from None
