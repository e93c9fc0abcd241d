"""What a running function may know about its call, and how it reports to the client."""

import asyncio
import math
from collections.abc import Awaitable, Generator, Mapping
from typing import Any, Final, overload

from events.codes import INVALID_PARAMS, MISSING_CAPABILITY
from events.event import RequestId, SessionId
from mcp_server.calls import Call, CallRefused, Database, Teller
from mcp_server.features.asking import BadAnswer, Form, Link, Question, Reply, Root, Roots, Sample, Sampled
from mcp_server.features.encode import Unencodable, to_json
from mcp_server.features.rounds import InputNeeded, answers_to
from operators.ask_client import TASK
from operators.versions import META_CAPABILITIES, MODERN

LEVELS: Final = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
"""The severities of RFC 5424, least first."""


MOST_QUESTIONS: Final = 32
"""What may be asked at once."""


class _Told:
    """Awaiting it lets others have their turn and a slow client catch up; nobody has to."""

    __slots__ = ("_teller",)

    def __init__(self, teller: Teller | None) -> None:
        self._teller = teller

    def __await__(self) -> Generator[Any, None, None]:
        if self._teller is None:
            yield
        else:
            yield from self._teller.room().__await__()


class NoDatabase(LookupError):
    """A function wants the server's database, and its settings name none."""

    def __init__(self) -> None:
        super().__init__(
            "this server has no database: set database_url (DATABASE_URL) to postgresql://user:password@host:5432/name "
            "or sqlite:///path"
        )


class Context:
    """The call that a function is running for.

    A tool, resource, prompt or completion that has a parameter annotated ``Context`` gets one; clients do not see
    that parameter. Reports are simply called; an async function that awaits them goes no faster than its client
    reads::

        async def fetch(url: str, ctx: Context) -> str:
            await ctx.progress(1, 3, "connected")

        def crunch(rows: int, ctx: Context) -> int:
            ctx.info(f"{rows} rows")

    What a tool returns is recorded as a fact and a replay reads it from the record, so clocks and random numbers are
    a tool's own business. A report made after the call is over goes nowhere.
    """

    __slots__ = ("_asked", "_call", "_cancelled", "_reached", "_teller")

    def __init__(self, call: Call, teller: Teller) -> None:
        self._call = call
        self._teller: Teller | None = teller
        self._cancelled = False
        self._reached = -math.inf
        self._asked = 0

    @property
    def session(self) -> SessionId:
        """The recorded stream that the call belongs to."""
        return self._call.session

    @property
    def principal(self) -> str:
        """Who calls."""
        return self._call.principal

    @property
    def request_id(self) -> RequestId:
        """The JSON-RPC id of the call."""
        return self._call.request

    @property
    def version(self) -> str:
        """The protocol version in force."""
        return self._call.version

    @property
    def meta(self) -> dict[str, Any]:
        """The ``_meta`` that the client sent; empty when there is none. Do not change it."""
        meta = self._call.params.get("_meta")
        return meta if isinstance(meta, dict) else {}

    @property
    def database(self) -> Database:
        """Connections to the database that the setting ``database_url`` names.

        For async functions::

            async with ctx.database.get_connection() as conn:
                await conn.execute("DELETE FROM notes")

        Raises:
            NoDatabase: The setting is empty.
        """
        if self._call.lent.database is None:
            raise NoDatabase
        return self._call.lent.database

    @property
    def capabilities(self) -> Mapping[str, Any]:
        """What the client can do, as the protocol writes it: ``elicitation``, ``sampling``, ``roots`` and others."""
        said = self.meta.get(META_CAPABILITIES) if self._call.version in MODERN else self._call.capabilities
        return said if isinstance(said, dict) else {}

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits for the result any more. A function in a thread looks at it now and then and stops."""
        return self._cancelled

    @overload
    async def ask(self, question: Form | Link, /) -> Reply: ...

    @overload
    async def ask(self, question: Sample, /) -> Sampled: ...

    @overload
    async def ask(self, question: Roots, /) -> list[Root]: ...

    @overload
    async def ask(self, /, **questions: Question) -> dict[str, Any]: ...

    async def ask(self, question: Question | None = None, /, **questions: Question) -> Any:
        """Ask the client: its user (:class:`Form`, :class:`Link`), its model (:class:`Sample`), its :class:`Roots`.

        One question gives its answer; several, each with a name, are asked at once and give their answers by name::

            name = await ctx.ask(Form("What is your name?", {"name": str}))
            both = await ctx.ask(name=Form("Who are you?", {"name": str}), roots=Roots())

        With clients of 2025-11-25, and in a task, the function waits here. With clients of 2026-07-28 it is ended here,
        and begun anew when the client comes back with the answers, which this then returns at once: so it is to ask
        the same questions in the same order each time, and to act on nothing before the last of them.

        Raises:
            CallRefused: The client cannot do that, or answered something else than was asked for. Not to be handled.
            AskRefused: The client answered with an error.
            ValueError: Nothing is asked, or too much.
        """
        if question is None:
            return await self._ask(questions)
        self._asked += 1
        key = f"input-{self._asked}"
        return (await self._ask({key: question, **questions}))[key]

    async def _ask(self, questions: dict[str, Question]) -> dict[str, Any]:
        call = self._call
        if not 0 < len(questions) <= MOST_QUESTIONS:
            raise ValueError(f"1 to {MOST_QUESTIONS} questions can be asked at once, not {len(questions)}")
        self._check_able(questions)
        modern = call.version in MODERN
        answers = answers_to(call) if modern else {}
        left = {key: each for key, each in questions.items() if key not in answers}
        if left and modern and call.transport != TASK:
            raise InputNeeded(left, answers)
        if left:
            answers = {**answers, **await self._wait_for(left)}
        try:
            return {key: each.read(answers[key], f"the answer to {key}") for key, each in questions.items()}
        except BadAnswer as error:
            raise CallRefused(INVALID_PARAMS, str(error)) from error

    def _check_able(self, questions: dict[str, Question]) -> None:
        able = self.capabilities
        needed = [needs for each in questions.values() if (needs := each.needs(able)) is not None]
        if needed:
            missing = {name: value for each in needed for name, value in each.items()}
            problem = f"this needs a client that has the capability {' and '.join(missing)}"
            raise CallRefused(MISSING_CAPABILITY, problem, {"requiredCapabilities": missing})

    async def _wait_for(self, questions: dict[str, Question]) -> dict[str, Any]:
        call, teller = self._call, self._teller
        if teller is None:
            raise RuntimeError("the call is over: nobody can be asked any more")
        if call.transport == "batch":
            raise CallRefused(INVALID_PARAMS, "a request in a batch cannot ask the client: send it by itself")
        asked = [
            teller.ask(key, each.method, to_json(each.params(call.version, f"{call.session}/{key}")))
            for key, each in questions.items()
        ]
        return dict(zip(questions, await asyncio.gather(*asked), strict=True))

    def close_stream(self, retry: float = 1.0) -> Awaitable[None]:
        """Let go of the connection that waits for this call; the client fetches the rest when it is there.

        For calls that take long, with clients in sessions of 2025-11-25 over HTTP; for others it does nothing. (MCP
        2025-11-25, basic/transports: the server may end a stream that can be resumed.)

        Args:
            retry: Seconds after which the client may try.
        """
        if self._teller is not None:
            self._teller.release(_number(retry))
        return _Told(self._teller)

    def progress(self, progress: float, total: float | None = None, message: str = "") -> Awaitable[None]:
        """Tell how far the call is, in a unit of your own; ``total`` None means that the end is not known.

        Progress has to grow (MCP, basic/utilities/progress): a report that is not beyond the last one is left out.

        Raises:
            ValueError: A number is NaN, infinite or too large for a double.
        """
        reached, end = _number(progress), None if total is None else _number(total)
        if self._teller is not None and reached > self._reached:
            self._reached = reached
            self._teller.progress(reached, end, _text(message))
        return _Told(self._teller)

    def log(self, level: str, data: Any, logger: str = "") -> Awaitable[None]:
        """Tell the client something; it receives what is at or above the level that it asked for.

        Args:
            level: One of :data:`LEVELS`.
            data: Text, or any value that JSON can hold; of others the ``repr`` is sent.
            logger: Who speaks.

        Raises:
            ValueError: The level is unknown.
        """
        if level not in LEVELS:
            raise ValueError(f"unknown level {level!r}; the levels are {', '.join(LEVELS)}")
        if self._teller is not None:
            try:
                payload = to_json(data)
            except Unencodable:
                payload = to_json(ascii(data))
            self._teller.log(level, _text(logger), payload)
        return _Told(self._teller)

    def debug(self, data: Any, logger: str = "") -> Awaitable[None]:
        """Log what only a developer wants to know."""
        return self.log("debug", data, logger)

    def info(self, data: Any, logger: str = "") -> Awaitable[None]:
        """Log what went as it should."""
        return self.log("info", data, logger)

    def warning(self, data: Any, logger: str = "") -> Awaitable[None]:
        """Log what someone should look at."""
        return self.log("warning", data, logger)

    def error(self, data: Any, logger: str = "") -> Awaitable[None]:
        """Log what went wrong."""
        return self.log("error", data, logger)

    def finish(self, *, cancelled: bool = False) -> None:
        """Called by the server when the call is over: nothing is told from here on."""
        self._cancelled = self._cancelled or cancelled
        self._teller = None


def _number(value: float) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError("progress and total are finite numbers")
    return number


def _text(value: object) -> str:
    """Text that can be stored and sent: what is no Unicode in it, such as part of a file's name, is replaced."""
    return str(value).encode(errors="replace").decode()
