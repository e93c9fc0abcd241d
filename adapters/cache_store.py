"""A namespace of results in Redis: reads that know when they were overtaken, and changes that all processes hear of."""

import asyncio
import logging
import math
import uuid
from collections.abc import Callable
from enum import Enum, auto
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from adapters import cache_script as script
from adapters.cache_items import Item, milliseconds, pack, size_in_redis, unpack
from adapters.cache_link import Link

_log: Final = logging.getLogger(__name__)

LONGEST_SEARCH: Final = 600.0
"""Seconds for which a lease is renewed. What is found later is given to those who wait, and not kept."""

MOST_OWED: Final = 10_000
"""Changes that are remembered while Redis is away; with more of them, everything is dropped when it is back."""

_HORIZON: Final = milliseconds(LONGEST_SEARCH + 60)  # a drop counts for every search that began before it


class Kind(Enum):
    """What a read found."""

    HIT = auto()
    MISS = auto()
    YOURS = auto()  # nothing is there, and this process is to find it
    BUSY = auto()  # nothing is there, and another process is finding it
    BAD = auto()  # something is there that was not kept by this cache
    LOST = auto()  # nobody knows: Redis did not answer


class Found(NamedTuple):
    """The outcome of a read.

    Attributes:
        kind: What was found.
        overtaken: Whether the key was changed after Redis had answered: then ask again.
        item: What is kept.
        left: Seconds that it has to live, or that the other process's lease has.
        since: When the lease was given, in the server's microseconds.
    """

    kind: Kind
    overtaken: bool = False
    item: Item | None = None
    left: float = 0.0
    since: int = 0


class Watcher(Protocol):
    """Hears of every change, of this process (``when`` is endless) and of others (the server's microseconds)."""

    def on_change(self, key: str, when: float) -> None:
        """A key was changed."""

    def on_release(self, key: str) -> None:
        """Another process gave up finding a result."""

    def on_tag(self, tag: str, when: float) -> None:
        """A tag was dropped."""

    def on_clear(self, when: float) -> None:
        """Everything was dropped."""

    def on_lost(self) -> None:
        """Redis is lost: changes may go by unheard, and leases end."""


class _Read:
    """A read that is under way; ``changed`` is when its key was last changed meanwhile."""

    __slots__ = ("changed",)

    def __init__(self) -> None:
        self.changed = -1.0


Told: TypeAlias = Callable[[Found], None]


class Store:
    """One namespace. Connects with :meth:`start`.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
        namespace: Whose results these are; letters, digits and ``_ . : -``.
        bounds: Entries and bytes that the namespace holds, all processes together.
        watcher: Hears of changes.
        lease: Seconds after which a finder that died is given up.
        timeout: Seconds that Redis may take to answer.
        pulse: Seconds between two signs of life that are asked for.

    Attributes:
        entries: Results in the namespace, as of the last change from here or the last pulse.
        bytes: Their size, as :func:`adapters.cache_items.size_in_redis` counts.
        evictions: Results that had to go for what this process kept.
        refused: Items that this cache did not keep there.
    """

    def __init__(
        self,
        url: str,
        namespace: str,
        bounds: tuple[int, int],
        watcher: Watcher,
        *,
        lease: float = 10.0,
        timeout: float = 1.0,
        pulse: float = 5.0,
    ) -> None:
        self._most_entries, self._most_bytes = bounds
        self._watcher = watcher
        self._lease = milliseconds(lease)
        self._token = uuid.uuid4().hex
        self._link = Link(url, script.SCRIPT, f"mcp:cache:{{{namespace}}}:", self, timeout=timeout, pulse=pulse)
        self._reads: dict[str, list[_Read]] = {}
        self._owed: dict[tuple[str, str], None] = {}
        self.entries = self.bytes = self.evictions = self.refused = 0

    @property
    def online(self) -> bool:
        """Whether Redis is there."""
        return self._link.online

    @property
    def failures(self) -> int:
        """Operations that came to nothing."""
        return self._link.failures + self.refused

    @property
    def trouble(self) -> str:
        """Why the last one did; empty while all is well."""
        return self._link.trouble

    async def start(self, *, patient: bool = False) -> None:
        """Connect. Raises CacheUnreachable when Redis does not answer, unless it is to be waited for."""
        await self._link.start(patient=patient)

    async def close(self) -> None:
        """Send what is to be sent, and leave."""
        if self.online:
            await self._ask("renew", "", "", 1)  # changes nothing, and is answered after all that was sent before
        await self._link.close()

    def read(self, key: str, told: Told, *, find: bool) -> None:
        """Read a key; with ``find``, ask for the lease to find what is missing."""
        read = _Read()
        self._reads.setdefault(key, []).append(read)

        def replied(reply: Any) -> None:
            reads = self._reads[key]
            reads.remove(read)
            if not reads:
                del self._reads[key]
            told(self._found(key, read, reply))

        self._link.send(replied, "look", key, self._token if find else "", self._lease)

    def fill(self, key: str, payload: bytes, ttl: float, tags: tuple[str, ...], since: int) -> None:
        """Keep what was found under the lease that was given at ``since``, if it still stands."""
        self._link.send(self._kept, "fill", key, *self._packed(key, payload, ttl, tags), self._token, since, *tags)
        self._change(key, math.inf)

    def release(self, key: str) -> None:
        """Give a lease back."""
        self._link.send(_ignore, "release", key, self._token)

    def renew(self, key: str) -> None:
        """Hold a lease for longer."""
        self._link.send(_ignore, "renew", key, self._token, self._lease)

    async def put(self, key: str, payload: bytes, ttl: float, tags: tuple[str, ...]) -> bool:
        """Keep a result whatever the leases, and end them; False when it was not kept, then nothing is."""
        asked = self._ask("put", key, *self._packed(key, payload, ttl, tags), "", 0, *tags)
        self._change(key, math.inf)
        reply = await asked
        self._kept(reply)
        if reply is None:
            self._owe("delete", key)
        return reply is not None and bool(reply[0])

    async def delete(self, key: str) -> bool:
        """Drop a result; whether there was one."""
        asked = self._ask("delete", key)
        self._change(key, math.inf)
        reply = await asked
        self._kept(reply)
        if reply is None:
            self._owe("delete", key)
        return reply is not None and bool(reply[0])

    def drop_tag(self, tag: str, done: Callable[[int], None]) -> None:
        """Drop what has the tag; ``done`` gets the number."""
        dropped = 0

        def replied(reply: Any) -> None:
            nonlocal dropped
            self._kept(reply)
            dropped += reply[0] if reply else 0
            if reply is None:
                self._owe("tag", tag)
            if reply and reply[4]:  # there are more than one step removes
                self._link.send(replied, "tag", tag, _HORIZON)
            else:
                done(dropped)

        self._link.send(replied, "tag", tag, _HORIZON)
        self._overtake(math.inf)
        self._watcher.on_tag(tag, math.inf)

    async def clear(self) -> int:
        """Drop everything; the number of results."""
        asked = self._ask("clear", "", _HORIZON)
        self._overtake(math.inf)
        self._watcher.on_clear(math.inf)
        reply = await asked
        self._kept(reply)
        if reply is None:
            self._owe("clear", "")
            return 0
        left = 1
        while left:  # nothing of it is given out any more; this gives the memory back
            tidied = await self._ask("tidy", "")
            left = tidied[4] if tidied else 0
        return int(reply[0])

    # What the link tells.

    def heard(self, message: bytes) -> None:
        """Another process changed something, or this one did."""
        kind, at, name = message.split(b" ", 2)
        when, key = float(at), name.decode()
        match kind:
            case script.CHANGED:
                self._change(key, when)
            case script.RELEASED:
                self._overtake_key(key, when)
                self._watcher.on_release(key)
            case script.TAG_DROPPED:
                self._overtake(when)
                self._watcher.on_tag(key, when)
            case script.ALL_DROPPED:
                self._overtake(when)
                self._watcher.on_clear(when)

    def risen(self) -> None:
        """Redis is there: make the changes that are owed, before anything is read."""
        owed, self._owed = self._owed, {}
        for change, name in owed:
            if change == "tag":
                self.drop_tag(name, _ignore)
            else:
                self._link.send(self._again(change, name), change, name, _HORIZON)

    def fallen(self) -> None:
        """Redis is lost."""
        self._watcher.on_lost()

    def beat(self) -> None:
        """Now and then: make changes that were refused, tidy a little, learn the sums."""
        self.risen()
        self._link.send(self._kept, "tidy", "")

    def _found(self, key: str, read: _Read, reply: Any) -> Found:
        if reply is None:
            return Found(Kind.LOST)
        kind, now, *rest = reply
        overtaken = read.changed >= now
        if kind == script.HIT:
            item = unpack(rest[0], key)
            if item is not None:
                return Found(Kind.HIT, overtaken, item, rest[1] / 1000)
            self.refused += 1
            _log.error("an item of the cache in Redis is not what was kept there; it is dropped")
            self._link.send(self._again("delete", key), "delete", key)
            return Found(Kind.BAD)
        if kind == script.BUSY:
            return Found(Kind.BUSY, overtaken, left=max(rest[0], 1) / 1000)
        return Found(Kind.YOURS if kind == script.YOURS else Kind.MISS, overtaken, since=now)

    def _change(self, key: str, when: float) -> None:
        self._overtake_key(key, when)
        self._watcher.on_change(key, when)

    def _overtake_key(self, key: str, when: float) -> None:
        for read in self._reads.get(key, ()):
            read.changed = max(read.changed, when)

    def _overtake(self, when: float) -> None:
        for key in self._reads:
            self._overtake_key(key, when)

    def _packed(self, key: str, payload: bytes, ttl: float, tags: tuple[str, ...]) -> tuple[bytes, int, int, int, int]:
        life = milliseconds(ttl)
        item = pack(Item(key, life, tags, payload))
        return item, size_in_redis(key, payload, tags), life, self._most_entries, self._most_bytes

    def _kept(self, reply: Any) -> None:
        if reply is not None:
            self.evictions += reply[1]
            self.entries, self.bytes = reply[2], reply[3]

    def _again(self, change: str, name: str) -> Callable[[Any], None]:
        return lambda reply: self._owe(change, name) if reply is None else self._kept(reply)

    def _owe(self, change: str, name: str) -> None:
        """Remember a change that Redis did not take, to be made when it does."""
        if len(self._owed) >= MOST_OWED:
            self._owed = {("clear", ""): None}
        elif ("clear", "") not in self._owed:
            self._owed[change, name] = None

    def _ask(self, *arguments: str | bytes | int) -> "asyncio.Future[Any]":
        """Send it now; the reply comes later."""
        answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._link.send(lambda reply: None if answered.done() else answered.set_result(reply), *arguments)
        return answered


def _ignore(_: object) -> None:
    pass
