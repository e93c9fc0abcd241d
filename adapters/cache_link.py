"""The connection to Redis that a cache stands on: commands in order and in batches, messages as they come.

It is kept up in the background. While it is down every command is answered with None at once: nobody waits for a server
that is away. A connection on which anything went wrong is thrown away, so no reply can ever be taken for another's.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as NotConnected
from redis.exceptions import NoScriptError, ReadOnlyError, RedisError

_log: Final = logging.getLogger(__name__)

Argument: TypeAlias = str | bytes | int
Reply: TypeAlias = Callable[[Any], None]

_MOST_WAITING: Final = 20_000  # commands; more are not sent
_MOST_BYTES: Final = 128 * 1024 * 1024
_BATCH: Final = 256
_BATCH_BYTES: Final = 4 * 1024 * 1024
_QUICKEST: Final = 0.05  # seconds between two attempts to connect
_SLOWEST: Final = 1.0


class CacheUnreachable(ConnectionError):
    """Redis did not answer when the cache was to begin."""


class Owner(Protocol):
    """Whose link it is."""

    def heard(self, message: bytes) -> None:
        """A message came on the channel."""

    def risen(self) -> None:
        """Commands can be sent again; what is sent now goes before all else."""

    def fallen(self) -> None:
        """The connection was lost, and all commands under way were answered."""

    def beat(self) -> None:
        """A pulse has passed."""


class _Command(NamedTuple):
    arguments: tuple[Argument, ...]
    size: int
    reply: Reply


class Link:
    """Runs one script on one Redis, and listens to one channel.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
        script: The Lua that every command runs.
        prefix: Its first key; the channel is this and ``told``.
        owner: Hears what happens.
        timeout: Seconds that the server may take to connect or to answer.
        pulse: Seconds between two signs of life that are asked for.

    Attributes:
        online: Whether commands are sent.
        failures: Commands so far that were not carried out.
        trouble: Why the last one was not; empty while all is well.
    """

    def __init__(
        self,
        url: str,
        script: str,
        prefix: str,
        owner: Owner,
        *,
        timeout: float = 1.0,
        pulse: float = 5.0,
    ) -> None:
        self._url = url
        self._script = script
        self._prefix = prefix
        self._owner = owner
        self._timeout, self._pulse = timeout, pulse
        self._sha = ""
        self._waiting: deque[_Command] = deque()
        self._bytes = 0
        self._some = asyncio.Event()
        self._pongs = 0
        self._task: asyncio.Task[None] | None = None
        self._attempted: asyncio.Future[None] | None = None
        self._closed = False
        self.online = False
        self.failures = 0
        self.trouble = ""

    async def start(self, *, patient: bool = False) -> None:
        """Connect. A ``patient`` link goes on trying in the background when the server does not answer.

        Raises:
            CacheUnreachable: The server does not answer; nothing is left running.
        """
        self._attempted = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(), name="cache link")
        try:
            await asyncio.wait({self._attempted})
        finally:
            online, trouble = self.online, self.trouble
            if not (online or (patient and self._attempted.done())):
                await self.close()
        if online:
            return
        problem = f"Redis at {masked(self._url)} cannot be reached: {trouble}"
        if not patient:
            raise CacheUnreachable(problem)
        _log.warning("%s. The cache keeps nothing until it can", problem)

    def send(self, reply: Reply, *arguments: Argument) -> None:
        """Run the script. ``reply`` gets its result later, or None when it was not run or failed."""
        size = sum(8 if isinstance(one, int) else len(one) for one in arguments)
        full = len(self._waiting) >= _MOST_WAITING or self._bytes + size > _MOST_BYTES
        if full or not self.online:
            self.failures += 1
            _answer(reply, None)
            return
        self._waiting.append(_Command(arguments, size, reply))
        self._bytes += size
        self._some.set()

    async def close(self) -> None:
        """Leave; what waits is answered with None."""
        if self._task is not None:
            self._closed = True  # a task group that fails just now forgets that it was cancelled (CPython 3.11, 3.12)
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None

    async def _run(self) -> None:
        """Keep the connection up until cancelled."""
        pause = _QUICKEST
        try:
            while not self._closed:
                why = await self._serve()
                pause = _QUICKEST if self.online else min(_SLOWEST, pause * 2)
                if not self._closed:
                    self._lost(why)
                    await asyncio.sleep(pause)
        finally:
            self._lost("")

    async def _serve(self) -> str:
        """Connect and serve until the connection is lost; says why it was."""
        why = "it ended"
        try:
            async with self._client() as client, client.pubsub() as ears:
                await self._connect(client, ears)
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._listen(ears))
                    tasks.create_task(self._write(client))
                    tasks.create_task(self._watch(ears))
        except* (RedisError, OSError) as group:
            why = _reason(group)
        except* Exception as group:  # noqa: BLE001 - a bug of ours costs the connection, not the server
            _log.exception("the cache's connection failed")
            why = _reason(group)
        return why

    def _client(self) -> "Redis":
        try:
            return Redis.from_url(
                self._url,
                protocol=2,
                decode_responses=False,
                socket_timeout=self._timeout,
                socket_connect_timeout=self._timeout,
                retry=Retry(NoBackoff(), 0),
                retry_on_error=[],
                health_check_interval=0,
                max_connections=2,
            )
        except ValueError as error:
            raise NotConnected("the URL cannot be read") from error  # its words may hold a part of the password

    async def _connect(self, client: "Redis", ears: PubSub) -> None:
        self._sha = await client.script_load(self._script)
        await ears.subscribe(f"{self._prefix}told")
        async with asyncio.timeout(self._timeout):
            await ears.get_message(timeout=None)
        self.online, self.trouble = True, ""
        self._owner.risen()
        if self._attempted is not None and not self._attempted.done():
            self._attempted.set_result(None)

    async def _listen(self, ears: PubSub) -> None:
        while True:
            message = await ears.get_message(timeout=None)
            match message:
                case {"type": "message", "data": bytes(data)}:
                    _answer(self._owner.heard, data)
                case {"type": "pong"}:
                    self._pongs += 1
                case {"type": "subscribe"}:
                    raise NotConnected("it was connected anew, and messages may be lost")

    async def _watch(self, ears: PubSub) -> None:
        """Ask for signs of life: a peer that vanished without a word closes no connection."""
        while True:
            heard = self._pongs
            await ears.ping()
            self._owner.beat()
            await asyncio.sleep(self._pulse)
            if self._pongs == heard:
                raise NotConnected("it is silent")

    async def _write(self, client: "Redis") -> None:
        while True:
            await self._some.wait()
            batch = self._next_batch()
            results: list[Any] = [None] * len(batch)
            try:
                results = await self._execute(client, batch)
            finally:
                for command, result in zip(batch, results, strict=True):
                    _answer(command.reply, self._checked(result))

    def _next_batch(self) -> list[_Command]:
        batch: list[_Command] = []
        size = 0
        while self._waiting and len(batch) < _BATCH and size < _BATCH_BYTES:
            command = self._waiting.popleft()
            batch.append(command)
            size += command.size
        self._bytes -= size
        if not self._waiting:
            self._some.clear()
        return batch

    async def _execute(self, client: "Redis", batch: list[_Command]) -> list[Any]:
        pipe = client.pipeline(transaction=False)
        for command in batch:
            pipe.execute_command("EVALSHA", self._sha, 1, self._prefix, *command.arguments)
        results: list[Any] = await pipe.execute(raise_on_error=False)
        for at, result in enumerate(results):
            if isinstance(result, NoScriptError):  # someone flushed the scripts
                results[at] = await self._evaluate(client, batch[at])
            elif isinstance(result, ReadOnlyError):
                raise NotConnected("it has become a replica")
        return results

    async def _evaluate(self, client: "Redis", command: _Command) -> Any:
        pipe = client.pipeline(transaction=False)
        pipe.execute_command("EVAL", self._script, 1, self._prefix, *command.arguments)
        (result,) = await pipe.execute(raise_on_error=False)
        return result

    def _checked(self, result: Any) -> Any:
        if result is None or isinstance(result, Exception):
            self.failures += 1
            if result is not None and (trouble := _first_line(result)) != self.trouble:
                self.trouble = trouble
                _log.warning("Redis refused a command of the cache: %s", trouble)
            return None
        return result

    def _lost(self, why: str) -> None:
        """Answer what waits. Without a reason it was closed, which is no trouble."""
        was_online, self.online = self.online, False
        self.trouble = why
        waiting, self._waiting, self._bytes = self._waiting, deque(), 0
        self._some.clear()
        self.failures += len(waiting)
        for command in waiting:
            _answer(command.reply, None)
        if was_online and why:
            _log.warning("the cache lost Redis at %s: %s", masked(self._url), why)
        if was_online:
            self._owner.fallen()
        if self._attempted is not None and not self._attempted.done():
            self._attempted.set_result(None)


def masked(url: str) -> str:
    """A URL without user, password and query, also when they were written without the escapes they need."""
    scheme, _, rest = url.partition("://")
    place, _, query = rest.rpartition("@")[2].partition("?")
    if "@" in rest.partition("?")[2] or "#" in place + query:
        return f"{scheme}://..."
    return f"{scheme}://{place}"


def _reason(group: BaseExceptionGroup[BaseException]) -> str:
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return _first_line(first)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0][:300] or type(error).__name__


def _answer(reply: Reply, result: Any) -> None:
    try:
        reply(result)
    except Exception:  # noqa: BLE001 - a bug of ours costs this one reply, not those that come with it
        _log.exception("a reply of the cache could not be used")
