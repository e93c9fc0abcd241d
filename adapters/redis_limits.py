"""Limits that several servers share through Redis, by the clock of Redis.

What is asked while a question is under way gathers, and goes out as one call of a script, which for each request sees
all its limits. When Redis is away, the limits still hold: by each server for itself, or by refusing.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from hashlib import sha1
from heapq import nlargest
from math import inf
from typing import Final, NamedTuple

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from adapters.memory_limits import MemoryLimits, holder
from adapters.redis_limits_form import STRANGE, Form
from adapters.redis_limits_script import SCRIPT
from operators.limits.exact import Answer
from operators.policy import Limit
from pipeline.questions import Asker, Key, Verdict, verdict

_log: Final = logging.getLogger(__name__)

MOST_AT_ONCE: Final = 128
"""Questions that go out together: Redis serves nobody else while it works on them, for a millisecond or so."""

MOST_HEARD: Final = 1_000
"""Keys of which it is remembered how much was used."""

MOST_WAITING: Final = 50_000
"""Questions that may wait; more are answered as if Redis were away."""

_SHA: Final = sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()


class WhenAway(StrEnum):
    """What holds while Redis cannot be asked. Nothing is ever let through unlimited."""

    LOCAL = "local"
    FAIL_CLOSED = "fail_closed"


class _Ask(NamedTuple):
    """A request that waits for its verdict."""

    keys: Sequence[Key]
    costs: Sequence[float]
    asker: Asker
    at: float
    answer: Callable[[Verdict], None]


class _Free(NamedTuple):
    """A place that is to be freed."""

    keys: tuple[Key]
    asker: Asker


class RedisLimits:
    """Limits that all servers share which name the same Redis.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
        limits: The limits; one whose numbers change begins anew.
        when_away: What holds while Redis cannot be asked.
        prefix: What all keys begin with. It is a hash tag, so that in a cluster they are on one node.
        timeout: Seconds after which Redis counts as away.
        pause: Seconds for which it is then not asked.
        server_time: Whether the clock of Redis counts; the time that comes with a question does otherwise.

    Attributes:
        available: Whether Redis answered when it was last asked.
        asked: Questions that Redis answered.
        fallbacks: Questions that were answered without it.
    """

    def __init__(
        self,
        url: str,
        limits: Iterable[Limit],
        *,
        when_away: WhenAway = WhenAway.LOCAL,
        prefix: str = "mcp-rewind",
        timeout: float = 0.5,
        pause: float = 1.0,
        server_time: bool = True,
    ) -> None:
        self.available = True
        self.asked = 0
        self.fallbacks = 0
        self._local = MemoryLimits(()) if when_away is WhenAway.LOCAL else None
        self._prefix = prefix
        self._timeout = timeout
        self._pause = pause
        self._server_time = server_time
        # What was asked twice would be taken twice: no retries. Time is kept here, once for all that goes out together.
        # With RESP3 redis-py expects notices of maintenance on a connection, and so takes one that Redis has closed
        # meanwhile for one that has a notice to read: the first question after an outage would be lost on it.
        self._redis = Redis.from_url(
            url, protocol=2, retry=Retry(NoBackoff(), 0), socket_timeout=None, max_connections=2
        )
        self._queue: deque[_Ask | _Free] = deque()
        self._task: asyncio.Task[None] | None = None
        self._later: asyncio.TimerHandle | None = None
        self._away_until = -inf
        self._closed = False
        self._heard: dict[Key, float] = {}
        self.replace(limits)

    def replace(self, limits: Iterable[Limit]) -> None:
        """Go by other limits from here on. One whose numbers are the same goes on where it is."""
        limits = tuple(limits)
        self._forms = {limit.name: Form.of(number, limit, self._prefix) for number, limit in enumerate(limits, 1)}
        self._head = [str(len(limits)), *(value for form in self._forms.values() for value in form.told)]
        self._concurrent = {limit.name for limit in limits if limit.concurrent}
        self._heard = {key: used for key, used in self._heard.items() if key[0] in self._forms}
        if self._local is not None:
            self._local.replace(limits)
        waiting, self._queue = self._queue, deque()
        for item in waiting:
            if all(key[0] in self._forms for key in item.keys):
                self._queue.append(item)
            elif isinstance(item, _Ask):
                _let_through(item)

    def take(
        self,
        keys: Sequence[Key],
        costs: Sequence[float],
        asker: Asker,
        at: float,
        answer: Callable[[Verdict], None],
    ) -> None:
        """Take its cost from each limit, or nothing from any; answer when Redis has, or when it is away."""
        ask = _Ask(keys, costs, asker, at, answer)
        away = self._away_until > asyncio.get_running_loop().time()
        if away or self._closed or len(self._queue) >= MOST_WAITING:
            self._fall_back(ask)
        else:
            self._queue.append(ask)
            self._start()

    def give_back(self, keys: Sequence[Key], asker: Asker) -> None:
        """Free the places that ``asker`` holds. While Redis is away this waits; a place that is not freed lapses."""
        if self._local is not None:
            self._local.give_back(keys, asker)
        places = [_Free((key,), asker) for key in keys if key[0] in self._concurrent]
        if places and not self._closed and len(self._queue) < MOST_WAITING:
            self._queue.extend(places)
            if self._away_until <= asyncio.get_running_loop().time():
                self._start()

    def most_used(self, at: float, most: int = 20) -> list[tuple[Key, float]]:
        """The keys of which most was used when this server last asked for them, and what share of it, from 0 to 1."""
        del at  # what has flowed back since then only Redis knows
        return nlargest(most, self._heard.items(), key=lambda each: each[1])

    async def close(self) -> None:
        """Ask what is still to be asked, then let go of Redis."""
        self._closed = True
        if self._later is not None:
            self._later.cancel()
        if self._task is not None:
            await self._task
        await self._redis.aclose()

    def _start(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        try:
            while self._queue:
                batch = [self._queue.popleft() for _ in range(min(len(self._queue), MOST_AT_ONCE))]
                forms = self._forms
                try:
                    async with asyncio.timeout(self._timeout):
                        replies = await self._send(batch)
                except Exception as error:  # noqa: BLE001 - whatever it is, nobody may wait for ever
                    self._away(error, batch)
                    return
                self._back()
                for item, reply in zip(batch, replies, strict=True):
                    if isinstance(item, _Ask):
                        self._tell(item, reply, forms)
        finally:
            self._task = None

    async def _send(self, batch: Sequence[_Ask | _Free]) -> list[bytes]:
        latest = max((item.at for item in batch if isinstance(item, _Ask)), default=0.0)
        keys: list[bytes] = []
        values = ["" if self._server_time else str(round(latest * 1_000_000)), *self._head]
        for item in batch:
            keys += map(self._key, item.keys)
            asker = holder(item.asker) if self._concurrent else ""
            values += (asker, self._wanted(item) if isinstance(item, _Ask) else "")
        try:
            said = await self._redis.evalsha(_SHA, len(keys), *keys, *values)
        except NoScriptError:
            said = await self._redis.eval(SCRIPT, len(keys), *keys, *values)
        return bytes(said).split(b";")

    def _wanted(self, ask: _Ask) -> str:
        forms = self._forms
        pairs = zip(ask.keys, ask.costs, strict=True)
        return " ".join([f"{(form := forms[key[0]]).number} {form.units(cost)}" for key, cost in pairs])

    def _key(self, key: Key) -> bytes:
        return (self._forms[key[0]].key + key[1]).encode("utf-8", "surrogatepass")

    def _tell(self, ask: _Ask, reply: bytes, forms: Mapping[str, Form]) -> None:
        if reply == STRANGE:
            _log.error("Redis holds something else under the key of a limit; see those of %s", ask.keys[0][0])
            self._fall_back(ask)
            return
        self.asked += 1
        numbers = list(map(int, reply.split()))
        triples = zip(ask.keys, numbers[::2], numbers[1::2], strict=True)
        answers = [forms[key[0]].answer(left, wait) for key, left, wait in triples]
        self._remember(ask.keys, answers, forms)
        _answer(ask, verdict(ask.keys, answers))

    def _remember(self, keys: Sequence[Key], answers: Sequence[Answer], forms: Mapping[str, Form]) -> None:
        heard = self._heard
        for key, said in zip(keys, answers, strict=True):
            heard.pop(key, None)
            heard[key] = 1 - said.remaining / forms[key[0]].most
        while len(heard) > MOST_HEARD:
            del heard[next(iter(heard))]

    def _away(self, error: Exception, batch: Sequence[_Ask | _Free]) -> None:
        """Redis did not answer: nobody knows what it has done. What waits is answered without it."""
        if self.available:
            holds = "each server limits for itself" if self._local is not None else "what is limited is refused"
            bug = None if isinstance(error, RedisError | OSError | TimeoutError) else error
            _log.warning("Redis is away (%s): %s", type(error).__name__, holds, exc_info=bug)
        self.available = False
        loop = asyncio.get_running_loop()
        self._away_until = loop.time() + self._pause
        waiting = (*batch, *self._queue)
        self._queue.clear()
        for item in waiting:
            if isinstance(item, _Free):
                self._queue.append(item)
            else:
                self._queue.extend(_Free((key,), item.asker) for key in item.keys if key[0] in self._concurrent)
        if self._queue and not self._closed:
            self._later = loop.call_later(self._pause, self._start)
        for item in waiting:
            if isinstance(item, _Ask):
                self._fall_back(item)

    def _back(self) -> None:
        if not self.available:
            _log.info("Redis is back: limits are shared again")
        self.available = True

    def _fall_back(self, ask: _Ask) -> None:
        self.fallbacks += 1
        if not all(key[0] in self._forms for key in ask.keys):
            _let_through(ask)
        elif self._local is not None:
            self._local.take(ask.keys, ask.costs, ask.asker, ask.at, lambda said: _answer(ask, said))
        else:
            _answer(ask, Verdict(ask.keys[0][0], 0.0, max(self._pause, 0.001)))


def _let_through(ask: _Ask) -> None:
    """The limit that it asked for is gone."""
    _answer(ask, Verdict(ask.keys[0][0], 0.0, None))


def _answer(ask: _Ask, said: Verdict) -> None:
    try:
        ask.answer(said)
    except Exception:  # noqa: BLE001 - a bug of ours costs this one question, not those asked together with it
        _log.exception("the answer to a question about limits could not be taken")
