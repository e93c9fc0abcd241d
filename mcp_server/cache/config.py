"""The settings of a cache."""

import os
import re
from enum import StrEnum
from typing import Final

from msgspec import Struct

DEFAULT_URL: Final = "redis://localhost:6379"
LONGEST_TTL: Final = 366 * 24 * 3600.0
"""Seconds; nothing is kept for longer."""

_NAMESPACE: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_SCHEMES: Final = ("redis://", "rediss://", "unix://")


class CacheBackendType(StrEnum):
    """Where results are kept."""

    MEMORY = "memory"
    REDIS = "redis"
    HYBRID = "hybrid"


class CacheConfig(Struct, frozen=True):
    """The settings of one cache; those that are wrong raise a ValueError that names them.

    Attributes:
        backend_type: ``MEMORY``: this process alone. ``REDIS``: shared by all processes of the namespace.
            ``HYBRID``: that, and copies in this process's memory of what it reads.
        max_entries: Results that are kept; with Redis, by all processes together.
        max_memory_mb: Their size together in MiB, with their keys and what keeping them takes. With ``HYBRID`` the
            copies have the same two bounds in each process.
        default_ttl: Seconds that a result is kept when nothing else is said.
        redis_url: ``redis://``, ``rediss://`` or ``unix://``. Without it ``REDIS_URL`` of the environment counts, then
            ``redis://localhost:6379``.
        namespace: Caches with different names share nothing; letters, digits and ``_ . : -``.
        negative_ttl: Seconds that "nothing there" is kept, which is what None means.
        near_ttl: Seconds that a copy lives, at most.
        lease: Seconds after which a process that died while it found a result is given up.
        redis_timeout: Seconds that Redis may take to answer before it counts as away.
        fallback: Whether to serve from memory when Redis cannot be reached at the start. When not set: only for
            ``HYBRID``, and only if no URL was named anywhere.
    """

    backend_type: CacheBackendType = CacheBackendType.MEMORY
    max_entries: int = 10_000
    max_memory_mb: float = 64
    default_ttl: float = 3600.0
    redis_url: str | None = None
    namespace: str = "cache"
    negative_ttl: float = 30.0
    near_ttl: float = 30.0
    lease: float = 10.0
    redis_timeout: float = 1.0
    fallback: bool | None = None

    def __post_init__(self) -> None:
        if self.backend_type not in list(CacheBackendType):
            known = ", ".join(kind.name for kind in CacheBackendType)
            raise ValueError(f"backend_type must be one of CacheBackendType ({known}), not {self.backend_type!r}")
        if type(self.max_entries) is not int or self.max_entries < 1:
            raise ValueError(f"max_entries must be a whole number of at least 1, not {self.max_entries!r}")
        if not _is_number(self.max_memory_mb) or not 0 < self.max_memory_mb <= 1024 * 1024:
            raise ValueError(f"max_memory_mb must be above 0, in MiB, and at most 1048576, not {self.max_memory_mb!r}")
        for name in ("default_ttl", "negative_ttl", "near_ttl"):
            check_ttl(getattr(self, name), name)
        for name, most in (("lease", 600), ("redis_timeout", 60)):
            value = getattr(self, name)
            if not _is_number(value) or not 0.01 <= value <= most:
                raise ValueError(f"{name} must be from 0.01 to {most} seconds, not {value!r}")
        if type(self.namespace) is not str or not _NAMESPACE.fullmatch(self.namespace):
            raise ValueError(f"namespace must be 1 to 64 letters, digits or any of _ . : -, not {self.namespace!r}")
        if self.redis_url is not None and not self.redis_url.startswith(_SCHEMES):
            raise ValueError(f"redis_url must begin with one of {', '.join(_SCHEMES)}")

    @property
    def url(self) -> str:
        """The Redis in force."""
        return self.redis_url or os.environ.get("REDIS_URL") or DEFAULT_URL

    @property
    def falls_back(self) -> bool:
        """Whether memory serves when that Redis cannot be reached at the start."""
        if self.fallback is not None:
            return self.fallback
        named = self.redis_url or os.environ.get("REDIS_URL")
        return self.backend_type is CacheBackendType.HYBRID and not named

    @property
    def max_bytes(self) -> int:
        """``max_memory_mb`` in bytes."""
        return int(self.max_memory_mb * 1024 * 1024)


def check_ttl(ttl: float, name: str = "ttl") -> float:
    """A time to live that is one; ValueError for any other."""
    if not _is_number(ttl) or not 0 < ttl <= LONGEST_TTL:
        raise ValueError(f"{name} must be above 0 seconds and at most 366 days, not {ttl!r}")
    return ttl


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
