"""The pool of connections that the settings ask for."""

from typing import TYPE_CHECKING

import msgspec

from mcp_server.config import Settings, SettingsError

if TYPE_CHECKING:
    from mcp_server.performance.connection_pool import ConnectionPool


def pool_of(settings: Settings) -> "ConnectionPool | None":
    """Connections to the database that ``database_url`` names, not opened yet; None when it names none.

    Raises:
        SettingsError: The URL cannot be read.
    """
    if settings.database_url is None:
        return None
    from mcp_server.performance.connection_pool import ConnectionPool
    from mcp_server.performance.pool_config import ConnectionPoolConfig

    config = ConnectionPoolConfig.from_settings(msgspec.structs.asdict(settings.database))
    try:
        return ConnectionPool(config, settings.database_url.get_secret_value())
    except ValueError as error:
        raise SettingsError(f"database_url: {error}") from error
