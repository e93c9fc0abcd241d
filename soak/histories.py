"""Sessions in which anything may happen, held through a real server without its sockets.

``python -m soak.histories STORE SEED COUNT LOOP [--clocked]`` records them. Which messages a session sends follows from
the seed; how they meet on the event loop does not, and need not.
"""

import argparse
import asyncio
import json
import logging
import random
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import orjson
import uvloop

from adapters.sessions import Session
from events.event import Decided, Observed, RequestId
from events.observed import Headers
from mcp_server.app import App
from mcp_server.stores import open_log
from operators.versions import LEGACY, META_CAPABILITIES, META_CLIENT, META_LOG_LEVEL, META_VERSION, MODERN
from soak.clocked import break_the_chain
from soak.mutate import Mutator
from soak.world import server, settings

AT_ONCE: Final = 12
_LEVELS: Final = ("debug", "info", "warning", "error", "loud")


class Nowhere:
    """A way out that leads nowhere."""

    def deliver(self, fact: Observed, decision: Decided, frame: bytes) -> None:
        """Send nothing."""

    async def room(self, request: RequestId | None) -> None:
        """There always is."""

    def release(self, request: RequestId | None, decision: Decided) -> None: ...

    def close(self, reason: str) -> None:
        """There is nothing to close."""


class History:
    """One session: what it sends follows from its chance alone."""

    def __init__(self, chance: random.Random, app: App) -> None:
        self._chance = chance
        self._app = app
        self._modern = chance.random() < 0.5
        self._http = chance.random() < 0.4
        self._ids: list[RequestId] = []
        self._mutator = Mutator(chance)
        self._ways: tuple[Callable[[], dict[str, Any]], ...] = (
            *(self._call,) * 8, self._list, self._read, self._read, self._prompt, self._complete, self._cancel,
            self._cancel, self._level, self._ping, self._hello, self._again, self._answer,
        )  # fmt: skip

    async def hold(self) -> None:
        """Hold the session."""
        chance = self._chance
        principal = chance.choice(("anonymous", "ada", "bob"))
        session = self._app.gate.open("http" if self._http else "websocket", "192.0.2.1", principal, Nowhere())
        if not self._modern and chance.random() < 0.9:
            self._say(session, self._hello())
            self._say(session, {"jsonrpc": "2.0", "method": "notifications/initialized"})
        for _ in range(chance.randint(1, 30)):
            if chance.random() < 0.1:
                self._send(session, self._mutator.frame())
            else:
                self._say(session, chance.choice(self._ways)())
            if session.pending and chance.random() < 0.05:
                session.leave(chance.choice(list(session.pending)))
            if (pause := chance.random()) < 0.5:
                await asyncio.sleep(0 if pause < 0.3 else chance.uniform(0.0, 0.02))
        lot = chance.random()
        if lot < 0.4:
            await asyncio.sleep(0.05 if lot < 0.3 else 0.25)
        if lot < 0.9:  # in the middle of things as often as not; the others are left open
            session.close("the history ends")

    def _say(self, session: Session, body: dict[str, Any]) -> None:
        if "method" in body and self._modern and self._chance.random() < 0.97:
            version = MODERN[0] if self._chance.random() < 0.97 else "2099-01-01"
            meta = {META_VERSION: version, META_CAPABILITIES: {}, META_CLIENT: {"name": "history", "version": "1"}}
            if self._chance.random() < 0.5:
                meta[META_LOG_LEVEL] = self._chance.choice(_LEVELS)
            params = body.setdefault("params", {})
            params["_meta"] = {**params.get("_meta", {}), **meta}
        self._send(session, json.dumps(body, indent=self._chance.choice((None, None, 1))).encode())

    def _send(self, session: Session, raw: bytes) -> None:
        headers = None
        if self._http:
            try:
                body = orjson.loads(raw)
                named = body["params"].get("name") or body["params"].get("uri")
                method = body["method"]
            except (ValueError, TypeError, LookupError, AttributeError):
                named = method = None
            method, named = (value if isinstance(value, str) else None for value in (method, named))
            headers = Headers(MODERN[0] if self._modern else None, method, named)
        session.push(session.read(raw, headers))

    def _request(self, method: str, **params: Any) -> dict[str, Any]:
        chance = self._chance
        id: RequestId = chance.randint(1, 10_000) if chance.random() < 0.6 else f"r{chance.randint(1, 10_000)}"
        if self._ids and chance.random() < 0.08:
            id = chance.choice(self._ids)  # perhaps still in flight
        self._ids.append(id)
        if chance.random() < 0.5:
            params["_meta"] = {"progressToken": chance.choice((id, "token", 7))}
        return {"jsonrpc": "2.0", "id": id, "method": method, "params": params}

    def _call(self) -> dict[str, Any]:
        chance = self._chance
        name, arguments = chance.choice(
            (
                ("add", {"a": chance.randint(1, 3), "b": chance.choice((1, 1.0, 10**30, 0.5))}),
                ("add", {"a": "one", "b": 2}),
                ("slow", {"text": chance.choice("abc")}),
                ("count", {"to": chance.randint(0, 6)}),
                ("talk", {"times": chance.randint(0, 6)}),
                ("fail", {"message": "é\u2028"}),
                ("crash", {}),
                ("sleep", {"seconds": chance.choice((0.0, 0.02, 0.02, 5.0))}),
                ("now", {}),
                ("threaded", {"text": "x"}),
                ("nobody", {}),
            )
        )
        return self._request("tools/call", name=name, arguments=arguments)

    def _list(self) -> dict[str, Any]:
        lists = ("tools/list", "prompts/list", "resources/list", "resources/templates/list", "server/discover", "no")
        cursor = {"cursor": "3"} if self._chance.random() < 0.2 else {}
        return self._request(self._chance.choice(lists), **cursor)

    def _read(self) -> dict[str, Any]:
        uris = ("world://about", "world://about", "world://place/here", "world://place/nowhere", "world://x", "")
        return self._request("resources/read", uri=self._chance.choice(uris))

    def _prompt(self) -> dict[str, Any]:
        arguments = self._chance.choice(({"topic": "time"}, {"topic": "time", "tone": "rude"}, {}))
        return self._request("prompts/get", name=self._chance.choice(("ask", "nothing")), arguments=arguments)

    def _complete(self) -> dict[str, Any]:
        argument = {"name": "tone", "value": "p"}
        return self._request("completion/complete", ref={"type": "ref/prompt", "name": "ask"}, argument=argument)

    def _level(self) -> dict[str, Any]:
        return self._request("logging/setLevel", level=self._chance.choice(_LEVELS))

    def _ping(self) -> dict[str, Any]:
        return self._request("ping")

    def _hello(self) -> dict[str, Any]:
        version = self._chance.choice((*LEGACY, "1999-01-01", 7))
        info = {"name": "history", "version": "1"}
        return self._request("initialize", protocolVersion=version, capabilities={}, clientInfo=info)

    def _again(self) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "method": "notifications/roots/list_changed"}

    def _answer(self) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": self._chance.randint(1, 9), "result": {}}

    def _cancel(self) -> dict[str, Any]:
        id = self._chance.choice(self._ids) if self._ids else 1
        return {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}


async def record(store: str, seed: int, count: int) -> None:
    """Hold ``count`` sessions, a few at a time, and keep them in ``store``."""
    async with open_log(store) as log:
        app = App(settings(random.Random(seed)), server.catalogue(), log)
        numbers = iter(range(count))

        async def some() -> None:
            for number in numbers:
                await History(random.Random(f"{seed} {number}"), app).hold()

        async with _expiring(app), asyncio.TaskGroup() as tasks:
            for _ in range(AT_ONCE):
                tasks.create_task(some())
        await asyncio.sleep(0.2)  # what was timed out or still ran is told
        app.calls.abort("the recording ends")
        while not app.journal.idle:  # noqa: ASYNC110 # it has no event of its own
            await asyncio.sleep(0.005)
        if app.failure is not None:
            raise app.failure


@asynccontextmanager
async def _expiring(app: App) -> AsyncIterator[None]:
    async def expire() -> None:
        while True:
            await asyncio.sleep(0.05)
            app.calls.expire()

    task = asyncio.create_task(expire())
    yield
    task.cancel()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("store")
    parser.add_argument("seed", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("loop", choices=("asyncio", "uvloop"))
    parser.add_argument("--clocked", action="store_true")
    arguments = parser.parse_args()
    logging.disable()  # tools that fail are part of it
    if arguments.clocked:
        break_the_chain()
    factory = uvloop.new_event_loop if arguments.loop == "uvloop" else None
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(record(arguments.store, arguments.seed, arguments.count))
    return 0


if __name__ == "__main__":
    sys.exit(main())
