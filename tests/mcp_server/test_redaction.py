"""What a wired server takes out of what it writes, and what its callers still get."""

from contextlib import closing
from itertools import count
from typing import Annotated, Any

import msgspec
import pytest
import redis.asyncio
from msgspec import Meta, Struct
from pydantic import SecretStr

from adapters.memory_log import MemoryLog
from adapters.tags import TAG
from events import codes
from events.event import Event
from events.incident import error_id
from events.observed import CacheHit, CallFailed, CallReturned, RequestReceived
from events.record import unpack
from mcp_server.app import App
from mcp_server.config import Settings
from mcp_server.features.typed import type_schema
from mcp_server.incidents import LONGEST, described
from mcp_server.redaction import redactor_of, secret_members, tool_secrets
from mcp_server.secret import keys_of
from mcp_server.shared import shared
from replay.replay import verify
from tests.mcp_server.test_shared import SharingRoom
from tests.peers import Room
from tests.serving import Tools, soon, text_of

TOKEN = "ghp_" + "aB3d" * 9
NAMES = map("redacted-{}".format, count())

Hidden = Annotated[str, Meta(extra_json_schema={"format": "password"})]


class Inner(Struct):
    """Something that holds itself."""

    code: Hidden
    plain: str
    more: "list[Inner]" = []


def test_schemas_say_what_is_secret_at_any_depth() -> None:
    written = Annotated[str, Meta(extra_json_schema={"writeOnly": True})]
    outer = msgspec.defstruct(
        "outer", [("a", written), ("b", str), ("rows", list[Inner]), ("some", Hidden | None), ("all", list[Hidden])]
    )
    assert secret_members(type_schema(outer)) == {"a", "code", "some", "all"}
    assert secret_members({"properties": {"x": {"$ref": "#/$defs/no"}, "y": {"default": {"writeOnly": True}}}}) == set()
    own = {"properties": {"x": {"anyOf": [{"type": "null"}, {"writeOnly": True}]}, "z": {"writeOnly": False}}}
    found = tool_secrets({"one": (own, None), "two": ({}, own), "none": ({}, None)})
    assert found.arguments == {"one": frozenset({"x"})}
    assert found.results == {"two": frozenset({"x"})}


def events(log: MemoryLog, kind: type[Event]) -> list[Any]:
    with closing(log.reader()) as reader:
        steps = [step for record in reader.records() for step in unpack(record.state, record.session)]
    return [event for step in steps for event in (step.fact, *step.decisions) if type(event) is kind]


def stored(log: MemoryLog) -> bytes:
    with closing(log.reader()) as reader:
        return b"".join(record.state for record in reader.records())


async def test_a_cached_result_is_given_to_others_as_it_was_and_stored_without_its_secret() -> None:
    room = Room()
    one, other = room.peer(), room.peer()
    for peer in (one, other):
        peer.call(1, "shared", text=TOKEN)
        await room.quiet()
        assert text_of(peer.answers(1)[0]) == TOKEN
    assert room.tools.done == [TOKEN]
    assert TOKEN.encode() not in stored(room.log)
    (hit,) = events(room.log, CacheHit)
    (returned,) = [fact for fact in events(room.log, CallReturned) if fact.payload == hit.payload]
    first, second = (fact.message.raw for fact in events(room.log, RequestReceived) if fact.message.name)
    assert TAG.findall(first) == TAG.findall(second) == TAG.findall(hit.payload) == TAG.findall(returned.payload)
    assert len(TAG.findall(hit.payload)) == 1
    with closing(room.log.reader()) as reader:
        assert all(verdict.holds for verdict in verify(reader.records()))
    figures = {
        sample.labels["kind"]: sample.value
        for metric in room.app.meter.collect()
        for sample in metric.samples
        if sample.name == "mcp_redacted_values_total" and sample.value
    }
    assert figures == {"github": 2, "known": 1}  # two requests and a result; a hit is what that was


async def test_with_redaction_turned_off_everything_is_stored() -> None:
    room = Room(redaction=False)
    peer = room.peer()
    peer.call(1, "echo", text=TOKEN)
    await room.quiet()
    assert stored(room.log).count(TOKEN.encode()) == 2


async def test_a_tools_bug_is_told_by_an_id_that_finds_it(caplog: pytest.LogCaptureFixture) -> None:
    room = Room()
    peer = room.peer()
    peer.call(7, "fail", text=TOKEN)
    await room.quiet()
    about = error_id(peer.session.id, 7)
    answer = peer.answers(7)[0]
    assert (answer["result"]["isError"], text_of(answer)) == (True, f"internal error {about}")
    (*_, fact) = events(room.log, CallReturned)
    assert fact.detail.startswith(f"{about}: builtins.ValueError at serving.py:")
    assert len(TAG.findall(fact.detail.encode())) == 1
    assert TOKEN not in caplog.text
    (line,) = [record for record in caplog.records if record.getMessage() == "call failed"]
    assert f"{about}: {vars(line)['detail']}" == fact.detail


async def test_an_internal_error_of_the_protocol_has_the_id_too() -> None:
    room = Room()

    async def broken(*_: object) -> None:
        raise RuntimeError(TOKEN)

    room.app.calls._catalogue.answer = broken  # type: ignore[method-assign,assignment]  # a handler with a bug
    peer = room.peer()
    await room.quiet()
    about = error_id(peer.session.id, "hello")
    errors = [message["error"] for message in peer.messages if "error" in message]
    assert errors == [{"code": codes.INTERNAL_ERROR, "message": "internal error", "data": {"errorId": about}}]
    assert TOKEN not in str(events(room.log, CallFailed))


@pytest.mark.parametrize(("text", "kept"), [("plain", True), (TOKEN, False)])
async def test_a_result_that_held_a_secret_is_not_put_into_redis(redis_url: str, text: str, kept: bool) -> None:
    name = next(NAMES)
    settings = Settings(
        store="memory:",
        drain_timeout=0.2,
        prompts_enabled=False,
        redis_url=SecretStr(redis_url),
        redis_namespace=name,
    )
    tools, log = Tools(), MemoryLog()
    async with shared(settings) as backends, redis.asyncio.Redis.from_url(redis_url) as client:
        room = SharingRoom(App(settings, tools.server.catalogue(), log, shared=backends), tools, log)
        one, other = room.peer(), room.peer()
        one.call(1, "shared", text=text)
        other.call(1, "shared", text=text)
        await room.quiet()
        assert [text_of(peer.answers(1)[0]) for peer in (one, other)] == [text, text]
        one.call(2, "shared", text=text)
        await room.quiet()
        assert text_of(one.answers(2)[0]) == text
        assert len(tools.done) == (1 if kept else 2)
        values = [await client.dump(key) async for key in client.scan_iter(match=f"*{name}*")]
        assert (text.encode() in b"".join(filter(None, values))) is kept
        assert (TOKEN.encode() in stored(log)) is False
        await soon(room.app.drain())


async def test_what_another_server_put_into_redis_is_stored_without_its_secret(redis_url: str) -> None:
    name = next(NAMES)
    given: dict[str, Any] = {"redis_url": SecretStr(redis_url), "redis_namespace": name, "prompts_enabled": False}
    open_one = Settings(store="memory:", drain_timeout=0.2, redaction=False, **given)
    tight = msgspec.structs.replace(open_one, redaction=True)
    logs = []
    for settings in (open_one, tight):
        tools, log = Tools(), MemoryLog()
        logs.append(log)
        tools.server.tool(name="leak", read_only=True, cacheable=60.0, public=True)(leak)
        async with shared(settings) as backends:
            room = SharingRoom(App(settings, tools.server.catalogue(), log, shared=backends), tools, log)
            peer = room.peer()
            peer.call(1, "leak")
            await room.quiet()
            assert text_of(peer.answers(1)[0]) == TOKEN
            await soon(room.app.drain())
    assert [TOKEN.encode() in stored(log) for log in logs] == [True, False]
    assert len(events(logs[1], CacheHit)) == 1


async def leak() -> str:
    return TOKEN


def test_tags_follow_the_servers_secret() -> None:
    one, other = (Settings(store="memory:", secret_key=SecretStr(letter * 32)) for letter in "ab")
    assert (
        redactor_of(one, keys_of(one)).tags(b"x")
        == redactor_of(one, keys_of(one)).tags(b"x")
        != redactor_of(other, keys_of(other)).tags(b"x")
    )


def test_errors_are_described_in_bounds_whatever_they_say() -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert described(Odd(), "id").endswith("Odd: its text cannot be had")
    assert len(described(ValueError("x" * 10_000), "id")) == LONGEST + 1
    described(ValueError("\ud800"), "id").encode()
    assert described(KeyError(), "id") == "id: builtins.KeyError"
    assert error_id("s", 1) != error_id("s", "1")
