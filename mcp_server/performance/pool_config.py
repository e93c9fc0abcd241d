"""What a connection pool keeps, and how long one waits for it."""

from collections.abc import Mapping
from typing import Any, Final, Self

from msgspec import Struct

_POOL_SIZE: Final = 5
_MAX_OVERFLOW: Final = 10
_POOL_TIMEOUT: Final = 30.0


class ConnectionPoolConfig(Struct, frozen=True):
    """What a pool keeps, and how long one waits for it.

    Attributes:
        min_connections: Connections that are kept open.
        max_connections: Connections that are open at once.
        connection_timeout: Seconds that one waits for a connection.
        idle_timeout: Seconds after which an unused connection is closed, if there are more than ``min_connections``.
        max_lifetime: Seconds after which a connection is replaced, the next time that nobody uses it.
        max_waiting: Callers that wait at once; one more is refused without waiting.

    Raises:
        ValueError: A value makes no sense; says which.
    """

    min_connections: int = 1
    max_connections: int = 10
    connection_timeout: float = 30.0
    idle_timeout: float = 300.0
    max_lifetime: float = 3600.0
    max_waiting: int = 1000

    def __post_init__(self) -> None:
        if not 0 <= self.min_connections <= self.max_connections:
            raise ValueError(
                f"min_connections ({self.min_connections}) must be from 0 to max_connections ({self.max_connections})"
            )
        for name in ("max_connections", "connection_timeout", "idle_timeout", "max_lifetime"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, it is {getattr(self, name)}")
        if self.max_waiting < 0:
            raise ValueError(f"max_waiting must not be below 0, it is {self.max_waiting}")

    @classmethod
    def from_settings(cls, database: Mapping[str, Any]) -> Self:
        """The configuration that ``{"pool_size": 20, "max_overflow": 40, "pool_timeout": 30}`` means.

        The names are SQLAlchemy's, and so is their meaning: ``pool_size`` connections are kept, ``max_overflow`` more
        may be open when they are all in use, and ``pool_timeout`` is how many seconds one waits then.

        Raises:
            ValueError: A name is not known, or a value makes no sense.
        """
        known = ("pool_size", "max_overflow", "pool_timeout")
        if unknown := sorted(set(database) - set(known)):
            raise ValueError(f"database: there is no setting {unknown[0]!r}, there are {', '.join(known)}")
        size = database.get("pool_size", _POOL_SIZE)
        overflow = database.get("max_overflow", _MAX_OVERFLOW)
        if not (isinstance(size, int) and isinstance(overflow, int) and size >= 0 <= overflow and size + overflow):
            raise ValueError(
                f"database: pool_size ({size}) and max_overflow ({overflow}) must be whole numbers, not both 0"
            )
        return cls(size, size + overflow, float(database.get("pool_timeout", _POOL_TIMEOUT)))
