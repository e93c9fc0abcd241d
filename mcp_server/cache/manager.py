"""A cache for JSON values, as the guide uses it."""

import asyncio
import inspect
import itertools
import time
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Any, Final, Self

from msgspec.structs import replace

from adapters.cache_stats import CacheStats
from adapters.pressure import Level, relieve
from mcp_server.cache.config import CacheConfig, check_ttl
from mcp_server.cache.storage import Storage, make_storage
from mcp_server.cache.values import ABSENT, decode, encode
from pipeline.questions import Asker, Kept

LONGEST_KEY: Final = 1024
"""Bytes of a key."""

LONGEST_TAG: Final = 256
"""Bytes of a tag."""

MOST_TAGS: Final = 32
"""Tags of one value."""


class CacheManager:
    """Keeps JSON values by key. To be opened with :meth:`initialize`, or as an async context manager.

    None means "nothing there": it is kept for the shorter ``negative_ttl``, and :meth:`get` tells it from a miss, for
    which it gives the default. Values come back as new objects, so changing one changes nothing that is kept.

    While Redis is away reads are misses and nothing is kept; nothing raises. What was to be dropped or replaced
    meanwhile is dropped when it is back.

    Args:
        config: The settings.
        clock: Seconds, for what is kept in memory; Redis has its own clock.
    """

    def __init__(self, config: CacheConfig | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.config = CacheConfig() if config is None else config
        self._clock = clock
        self._storage: Storage | None = None
        self._askers = itertools.count(1)
        self._negative_hits = 0
        self._pressure = Level.NORMAL

    async def initialize(self) -> None:
        """Open the cache; once is enough.

        Raises:
            CacheUnavailable: Redis cannot be reached; says what to do.
        """
        if self._storage is None:
            self._storage = await make_storage(self.config)
            relieve(self._storage, Level.NORMAL, self._pressure)

    async def close(self) -> None:
        """Leave. Values in Redis stay there for their time."""
        storage, self._storage = self._storage, None
        if storage is not None:
            await storage.close()

    async def __aenter__(self) -> Self:
        await self.initialize()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def get(self, key: str, default: Any = None) -> Any:
        """The value; ``default`` when there is none. None when it is known that nothing is there."""
        kept = await self._open().get(_key(key), self._clock())
        if kept is None:
            return default
        try:
            return self._value(kept)
        except ValueError:  # it was put there by something else
            return default

    async def set(self, key: str, value: Any, ttl: float | None = None, tags: Iterable[str] = ()) -> bool:
        """Keep a value for ``ttl`` seconds; False when it is too big, or Redis is away: then nothing is kept.

        Raises:
            NotCacheable: It is no JSON value.
            ValueError: The key, the time or a tag is none.
        """
        payload = encode(value)
        seconds, names = self._seconds(ttl, payload), _tags(tags)
        return await self._open().put(_key(key), payload, seconds, self._clock(), names)

    async def delete(self, key: str) -> bool:
        """Drop a value; whether there was one."""
        return await self._open().delete(_key(key))

    async def delete_tag(self, tag: str) -> int:
        """Drop all values with the tag; their number."""
        (name,) = _tags((tag,))
        return await self._open().delete_tag(name)

    async def clear(self) -> int:
        """Drop all values of the namespace; their number."""
        return await self._open().clear()

    async def get_or_set(
        self,
        key: str,
        factory: Callable[[], Any | Awaitable[Any]],
        ttl: float | None = None,
        tags: Iterable[str] = (),
    ) -> Any:
        """The value, or what ``factory`` makes, which is then kept.

        Of all who ask for the same key at once, in all processes with Redis, only one runs its factory. When that
        fails or is cancelled its caller gets the exception, and the next who waits runs its own.

        Raises:
            NotCacheable: The factory made no JSON value.
        """
        storage, names = self._open(), _tags(tags)
        if ttl is not None:
            check_ttl(ttl)
        asker = ("", next(self._askers))
        kept = await self._look(storage, _key(key), asker)
        if kept is not None:
            try:
                return self._value(kept)
            except ValueError:  # it was put there by something else
                await storage.delete(key)
                return await self.get_or_set(key, factory, ttl, names)
        try:
            value = factory()
            if inspect.isawaitable(value):
                value = await value
            payload = encode(value)
        except BaseException:
            storage.release(key, asker)
            raise
        storage.fill(key, asker, payload, self._seconds(ttl, payload), self._clock(), names)
        return value

    def shrink(self, share: float) -> int:
        """Let ``share`` of the bytes in this process's memory stay, from 0 to 1; the bytes that it freed."""
        return self._open().shrink(share)

    def on_pressure(self, level: Level, _reading: object = None) -> None:
        """Hold less in this process's memory the scarcer memory is; for ``memory_optimizer.on_level``."""
        before, self._pressure = self._pressure, level
        if self._storage is not None:
            relieve(self._storage, before, level)

    def stats(self) -> CacheStats:
        """The figures since :meth:`initialize`."""
        return replace(self._open().stats(), negative_hits=self._negative_hits)

    async def _look(self, storage: Storage, key: str, asker: Asker) -> Kept | None:
        """What is kept, or None when ``asker`` is to find it."""
        answered: asyncio.Future[Kept | None] = asyncio.get_running_loop().create_future()
        storage.look(key, asker, self._clock(), lambda kept: None if answered.done() else answered.set_result(kept))
        try:
            return await answered
        except BaseException:
            storage.release(key, asker)
            raise

    def _value(self, kept: Kept) -> Any:
        self._negative_hits += kept.payload == ABSENT
        return decode(kept.payload)

    def _seconds(self, ttl: float | None, payload: bytes) -> float:
        if ttl is not None:
            return check_ttl(ttl)
        return self.config.negative_ttl if payload == ABSENT else self.config.default_ttl

    def _open(self) -> Storage:
        if self._storage is None:
            raise RuntimeError("the cache is not open: `await cache.initialize()` first, or use `async with`")
        return self._storage


def _key(key: str) -> str:
    if type(key) is not str or not 0 < _length(key) <= LONGEST_KEY:
        raise ValueError(f"a key must be a string of 1 to {LONGEST_KEY} bytes, not {_shown(key)}")
    return key


def _tags(tags: Iterable[str]) -> tuple[str, ...]:
    if isinstance(tags, str):
        raise ValueError(f"tags must be a list of strings: write [{_shown(tags)}]")  # noqa: TRY004 - a string is iterable
    names = tuple(dict.fromkeys(tags))
    if len(names) > MOST_TAGS:
        raise ValueError(f"a value can have {MOST_TAGS} tags, not {len(names)}")
    for name in names:
        if type(name) is not str or not 0 < _length(name) <= LONGEST_TAG:
            raise ValueError(f"a tag must be a string of 1 to {LONGEST_TAG} bytes, not {_shown(name)}")
    return names


def _length(text: str) -> int:
    """In bytes; 0 for half of a surrogate pair, which is no text."""
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        return 0


def _shown(value: object) -> str:
    return repr(value)[:80]
