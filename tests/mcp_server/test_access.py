"""A real server with a table of who may do what: what is done, what is shown, and what is told of what is not done."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp
import msgspec
import pytest
from pydantic import SecretStr

from adapters.audit_reader import AuditReader
from adapters.audit_view import AuditView
from adapters.listener import bound
from adapters.memory_log import MemoryLog
from events import codes
from events.decided import AccessDecided, CallDispatched
from events.event import Event
from events.observed import SessionOpened
from events.outcome import DENIED
from events.record import unpack
from mcp_server.app import App
from mcp_server.config import Settings
from mcp_server.features.server import MCPServer
from mcp_server.serving import listening
from operators.access import AccessRule, What, Who
from replay.replay import verify
from tests.adapters.issuer import AUDIENCE, SECRET, own
from tests.facts import frame
from tests.serving import Served, Tools, call_params, handshake, serving, text_of

METADATA: Final = "https://mcp.example/.well-known/oauth-protected-resource/mcp"
SETTINGS: Final[dict[str, Any]] = {"jwt_secret_key": SecretStr(SECRET.decode()), "auth_audience": AUDIENCE}

OPS: Final = Who(group="ops")
RULES: Final = (
    AccessRule(what=What("tools/call", "delete_*"), needs_scope="files:write files:read", name="deleting"),
    AccessRule(OPS),
    AccessRule(Who(principal="eve"), What("tools/call"), allow=False, name="not-eve"),
    AccessRule(what=What("tools/call", "read_*")),
    AccessRule(what=What("prompts/get", "open_*")),
    AccessRule(what=What("resources/read", "file:///open/*")),
)


def bearer(**claims: Any) -> dict[str, Any]:
    return {"Authorization": f"Bearer {own(**claims)}"}


def offer() -> MCPServer:
    """Tools, prompts and resources of which some are for everybody."""
    server = MCPServer("rules", page_size=3)
    for name in ("read_a", "delete_a", "write_a", "read_b", "delete_b", "write_b", "read_c", "read_d", "read_e"):
        _tool(server, name)
    for name in ("open_one", "shut_one", "open_two"):
        _prompt(server, name)
    for uri in ("file:///open/a", "file:///shut/a", "file:///open/{name}", "file:///shut/{name}"):
        _resource(server, uri)
    return server


def _tool(server: MCPServer, name: str) -> None:
    @server.tool(name, read_only=True)
    async def tool() -> str:
        return name


def _prompt(server: MCPServer, name: str) -> None:
    @server.prompt(name)
    async def prompt(colour: bool = False) -> str:
        return f"{name} {colour}"


def _resource(server: MCPServer, uri: str) -> None:
    if "{" in uri:

        @server.resource(uri)
        async def template(name: str) -> str:
            return name
    else:

        @server.resource(uri, public=True, cacheable=60.0)
        async def resource() -> str:
            return f'{uri} "cacheScope":"public"'


@asynccontextmanager
async def ruled(log: MemoryLog | None = None, **settings: Any) -> AsyncIterator[Served]:
    """A server with these rules."""
    log = log or MemoryLog()
    given = {
        "store": "memory:",
        "drain_timeout": 0.2,
        "prompts_enabled": False,
        "access": RULES,
        **SETTINGS,
        **settings,
    }
    app = App(Settings(**given), offer().catalogue(), log)
    with bound("127.0.0.1", 0) as sockets:
        async with listening(app, sockets) as port, aiohttp.ClientSession() as client:
            yield Served(app, Tools(), log, port, client)


async def listed(served: Served, method: str, member: str, key: str, **headers: Any) -> list[str]:
    """What a caller sees, page by page."""
    found: list[str] = []
    params: dict[str, Any] = {}
    for _ in range(20):
        reply = await served.modern(1, method, params, **headers)
        assert reply.status == 200, reply
        result = reply.body["result"]
        assert result["cacheScope"] == "private"
        assert len(result[member]) <= 3
        found += [entry[key] for entry in result[member]]
        if "nextCursor" not in result:
            return found
        params = {"cursor": result["nextCursor"]}
    raise AssertionError("the list has no end")


def replays(log: MemoryLog) -> bool:
    verdicts = list(verify(log.reader().records()))
    return bool(verdicts) and all(verdict.holds for verdict in verdicts)


# What is done


async def test_what_a_caller_may_do_is_done_and_the_rest_is_not() -> None:
    log = MemoryLog()
    async with ruled(log) as served:
        said = []
        for claims in ({"sub": "ada"}, {"sub": "eve"}, {"sub": "bob", "groups": ["ops"]}):
            for name in ("read_a", "write_a"):
                reply = await served.modern(1, "tools/call", call_params(name), **bearer(**claims))
                said.append((claims["sub"], name, reply.status))
                if reply.status == 403:
                    assert reply.body["error"] == {"code": codes.UNAUTHORIZED, "message": "you may not do this"}
                    assert "WWW-Authenticate" not in reply.headers
                    assert "not-eve" not in reply.text
        assert said == [
            *(("ada", "read_a", 200), ("ada", "write_a", 403)),
            *(("eve", "read_a", 403), ("eve", "write_a", 403)),
            *(("bob", "read_a", 200), ("bob", "write_a", 200)),
        ]
        decided = [(event.rule, event.allowed) for event in served.recorded(AccessDecided)]
        assert decided == [
            *(("access[3]", True), ("default", False)),
            *(("not-eve", False), ("not-eve", False)),
            *(("access[1]", True), ("access[1]", True)),
        ]
        assert [event.name for event in served.recorded(CallDispatched)] == ["read_a", "read_a", "write_a"]
    assert replays(log)


async def test_who_lacks_a_scope_is_asked_for_all_that_it_takes() -> None:
    async with ruled() as served:
        told = f'Bearer error="insufficient_scope", resource_metadata="{METADATA}", scope="files:write files:read"'
        call = call_params("delete_a")
        reply = await served.modern(1, "tools/call", call, **bearer(scope="files:read"))
        assert (reply.status, reply.headers["WWW-Authenticate"]) == (403, told)
        assert reply.body["error"]["data"] == {"scope": "files:write files:read"}
        assert "deleting" not in reply.text
        reply = await served.modern(1, "tools/call", call, **bearer(scope="files:read files:write"))
        assert (reply.status, text_of(reply.body)) == (200, "delete_a")


async def test_it_is_asked_so_in_the_legacy_era_too() -> None:
    async with ruled() as served:
        less, more = bearer(scope="files:read"), bearer(scope="files:read files:write")
        begun = await served.post(json.loads(handshake(0)), less)
        named = {"Mcp-Session-Id": begun.headers["Mcp-Session-Id"], "MCP-Protocol-Version": "2025-11-25"}
        call = frame(1, "tools/call", call_params("delete_a"))
        reply = await served.post(call, {**named, **less})
        assert (reply.status, reply.code) == (403, codes.UNAUTHORIZED)
        assert 'error="insufficient_scope"' in reply.headers["WWW-Authenticate"]
        stepped_up = await served.post(call, {**named, **more})
        assert (stepped_up.status, text_of(stepped_up.body)) == (200, "delete_a")
        plain = await served.post(frame(2, "tools/call", call_params("write_a")), {**named, **more})
        assert (plain.status, plain.code) == (200, codes.UNAUTHORIZED)  # which legacy clients read from the body


async def test_who_showed_nothing_is_asked_to_show_something() -> None:
    async with ruled(anonymous=True) as served:
        reply = await served.modern(1, "tools/call", call_params("delete_a"))
        assert reply.status == 401
        told = f'Bearer resource_metadata="{METADATA}", scope="files:write files:read"'
        assert reply.headers["WWW-Authenticate"] == told
        assert (await served.modern(1, "tools/call", call_params("read_a"))).status == 200


async def test_a_table_counts_also_where_nobody_can_show_anything() -> None:
    rules = (AccessRule(what=What("tools/call", "echo")), AccessRule(needs_scope="any", what=What("tools/call", "act")))
    async with serving(access=rules) as served:
        assert (await served.modern(1, "tools/call", call_params("echo", text="hi"))).status == 200
        for tool in ("shared", "act"):
            reply = await served.modern(1, "tools/call", call_params(tool, text="hi"))
            assert (reply.status, reply.headers.get("WWW-Authenticate")) == (403, None)
        assert served.tools.done == ["hi"]


async def test_without_rules_nothing_is_decided_and_lists_are_everybodys() -> None:
    async with ruled(access=(), anonymous=True) as served:
        result = (await served.modern(1, "prompts/list")).body["result"]
        assert (result["cacheScope"], len(result["prompts"])) == ("public", 3)
        assert served.recorded(AccessDecided) == []


async def test_the_requests_of_a_batch_are_decided_each_by_what_its_sender_may_do() -> None:
    log = MemoryLog()
    async with ruled(log) as served:
        requests = [
            {"id": number, "method": "tools/call", "params": call_params(name)}
            for number, name in enumerate(("read_a", "write_a", "delete_a"))
        ]
        said = []
        for claims in ({"sub": "ada"}, {"sub": "bob", "groups": ["ops"], "scope": "files:write files:read"}):
            reply = await served.modern(9, "batch", {"id": "b", "requests": requests}, **bearer(**claims))
            said.append([each.get("error", {}).get("code") for each in reply.body["result"]["responses"]])
        assert said == [[None, codes.UNAUTHORIZED, codes.UNAUTHORIZED], [None, None, None]]
        batches = [event for event in served.recorded(SessionOpened) if event.transport == "batch"]
        assert [event.groups for event in batches] == [(), ("ops",)]
    assert replays(log)


async def test_what_tells_of_something_that_a_caller_may_not_use_is_denied() -> None:
    async with ruled() as served:
        asked: list[tuple[str, dict[str, Any], int]] = [
            ("prompts/get", {"name": "open_one"}, 200),
            ("prompts/get", {"name": "shut_one"}, 403),
            ("resources/read", {"uri": "file:///open/a"}, 200),
            ("resources/read", {"uri": "file:///shut/a"}, 403),
            ("resources/read", {"uri": "file:///open/b"}, 200),
            ("resources/read", {"uri": "file:///shut/b"}, 403),
            *(
                ("completion/complete", {"ref": ref, "argument": {"name": argument, "value": ""}}, status)
                for ref, argument, status in (
                    ({"type": "ref/prompt", "name": "open_one"}, "colour", 200),
                    ({"type": "ref/prompt", "name": "shut_one"}, "colour", 403),
                    ({"type": "ref/resource", "uri": "file:///shut/{name}"}, "name", 403),
                )
            ),
            ("metrics/get", {}, 403),
            ("health/check", {}, 403),
        ]
        for method, params, status in asked:
            reply = await served.modern(1, method, params, **bearer(sub="ada"))
            assert reply.status == status, (method, params, reply)


# What is shown


@pytest.mark.parametrize(
    ("claims", "tools"),
    [
        ({"sub": "ada"}, ["read_a", "read_b", "read_c", "read_d", "read_e"]),
        ({"sub": "eve"}, []),
        ({"sub": "eve", "scope": "files:write files:read"}, ["delete_a", "delete_b"]),
        ({"sub": "bob", "groups": ["ops"]}, ["read_a", "write_a", "read_b", "write_b", "read_c", "read_d", "read_e"]),
    ],
    ids=str,
)
async def test_a_list_has_what_its_reader_may_use_on_pages_of_their_own(
    claims: dict[str, Any], tools: list[str]
) -> None:
    async with ruled() as served:
        found = await listed(served, "tools/list", "tools", "name", **bearer(**claims))
        assert found == tools
        every = ("read_a", "delete_a", "write_a", "read_b", "delete_b", "write_b", "read_c", "read_d", "read_e")
        may = []
        for name in every:  # and what it shows is what is done
            reply = await served.modern(1, "tools/call", call_params(name), **bearer(**claims))
            may += [name] if reply.status == 200 else []
        assert may == tools


async def test_the_other_lists_are_their_readers_too() -> None:
    async with ruled(prompts_enabled=True) as served:
        ada = bearer(sub="ada")
        assert await listed(served, "prompts/list", "prompts", "name", **ada) == ["open_one", "open_two"]
        assert await listed(served, "resources/list", "resources", "uri", **ada) == ["file:///open/a"]
        templates = await listed(served, "resources/templates/list", "resourceTemplates", "uriTemplate", **ada)
        assert templates == ["file:///open/{name}"]
        ops = await listed(served, "prompts/list", "prompts", "name", **bearer(groups=["ops"]))
        assert {"open_one", "shut_one", "code_review"} <= set(ops)
        found = await served.modern(1, "prompts/search", {"query": "code"}, **bearer(groups=["ops"]))
        assert found.body["result"]["prompts"] != []
        found = await served.modern(1, "prompts/search", {"query": "code"}, **ada)
        assert (found.status, found.body["result"]["prompts"]) == (200, [])


async def test_what_some_may_read_is_not_for_caches_that_all_share() -> None:
    for rules, scope in ((RULES, "private"), ((), "public")):
        async with ruled(access=rules) as served:
            for _ in range(2):  # found, and from the server's own cache
                reply = await served.modern(1, "resources/read", {"uri": "file:///open/a"}, **bearer(sub="ada"))
                result = reply.body["result"]
                assert (result["cacheScope"], result["ttlMs"]) == (scope, 60_000)
                assert result["contents"][0]["text"] == 'file:///open/a "cacheScope":"public"'
            denied = await served.modern(1, "resources/read", {"uri": "file:///shut/a"}, **bearer(sub="ada"))
            assert denied.status == (403 if rules else 200)


async def test_a_cursor_of_another_readers_list_is_none_of_ones_own() -> None:
    async with ruled() as served:
        ada, bob = bearer(sub="ada"), bearer(sub="bob", groups=["ops"])
        cursor = (await served.modern(1, "tools/list", **bob)).body["result"]["nextCursor"]
        reply = await served.modern(1, "tools/list", {"cursor": cursor}, **ada)
        assert reply.code == codes.INVALID_PARAMS
        assert (await served.modern(1, "tools/list", {"cursor": cursor}, **bob)).status == 200


async def test_what_somebody_may_not_see_is_not_suggested() -> None:
    rules = (AccessRule(OPS), AccessRule(what=What("*", "delete_[ab]"), allow=False))
    async with ruled(access=rules, access_default="allow") as served:
        shown = await served.modern(1, "tools/call", call_params("delete_x"), **bearer(groups=["ops"]))
        hidden = await served.modern(1, "tools/call", call_params("delete_x"), **bearer())
        assert "delete_a" in shown.body["error"]["message"]
        assert "delete_a" in shown.body["error"]["data"]["near"]
        assert "delete_" not in hidden.text.replace("delete_x", "")
        assert hidden.code == shown.code
        other = await served.modern(1, "tools/call", call_params("read_x"), **bearer())
        assert "read_e" in other.body["error"]["message"]
    shut = (AccessRule(OPS), AccessRule(what=What("*", "shut_one"), allow=False))
    async with ruled(access=shut, access_default="allow") as served:
        near = []
        for claims in ({"groups": ["ops"]}, {}):
            ref = {"ref": {"type": "ref/prompt", "name": "shut_on"}, "argument": {"name": "a", "value": ""}}
            for method, params in (("prompts/get", {"name": "shut_on"}), ("completion/complete", ref)):
                reply = await served.modern(1, method, params, **bearer(**claims))
                near.append("shut_one" in reply.text)
        assert near == [True, True, False, False]


async def test_a_websocket_sees_and_does_what_its_caller_may() -> None:
    log = MemoryLog()
    async with ruled(log) as served, served.socket(headers=bearer(sub="eve", scope="files:read files:write")) as socket:
        answer = await socket.ask(1, "tools/list")
        assert [each["name"] for each in answer["result"]["tools"]] == ["delete_a", "delete_b"]
        refused = await socket.ask(2, "tools/call", call_params("read_a"))
        assert refused["error"]["code"] == codes.UNAUTHORIZED
        assert text_of(await socket.ask(3, "tools/call", call_params("delete_a"))) == "delete_a"
    assert replays(log)


async def test_another_table_counts_from_the_moment_when_the_settings_are_read_anew() -> None:
    log = MemoryLog()
    async with ruled(log) as served, served.socket(headers=bearer(sub="ada")) as socket:
        now = served.app.settings
        said = []
        tables = ((), (AccessRule(allow=False, what=What("tools/call")),), RULES)
        for number, rules in enumerate(tables, 1):
            served.app.reload(msgspec.structs.replace(now, access=rules))
            answer = await socket.ask(number * 2, "tools/list")
            called = await socket.ask(number * 2 + 1, "tools/call", call_params("read_a"))
            said.append((len(answer["result"]["tools"]), "error" in called))
        assert said == [(3, False), (0, True), (3, False)]
    assert replays(log)


# What is told later


async def test_the_audit_tells_what_was_denied_and_by_which_rule(tmp_path: Any) -> None:
    log = MemoryLog()
    async with ruled(log) as served:
        for name in ("read_a", "write_a", "delete_a"):
            await served.modern(1, "tools/call", call_params(name), **bearer(sub="ada"))
        await served.modern(1, "tools/call", call_params("read_a"), **bearer(sub="eve"))
    path = tmp_path / "view.db"
    with AuditView(path, log.reader()) as view:
        while view.advance():
            pass
    with AuditReader(path) as reader:
        told = [(row["principal"], row["name"], row["rule"]) for row in reader.calls({"outcome": DENIED})]
        every = [(row["name"], row["outcome"], row["rule"]) for row in reader.calls({})]
    assert told == [("eve", "read_a", "not-eve"), ("ada", "delete_a", "deleting"), ("ada", "write_a", "default")]
    assert every[-1] == ("read_a", "ok", "access[3]")


async def test_every_decision_is_recorded_before_what_it_decides() -> None:
    log = MemoryLog()
    async with ruled(log) as served:
        await served.modern(1, "tools/call", call_params("read_a"), **bearer(sub="ada"))
    events: list[Event] = []
    for record in log.reader().records():
        for step in unpack(record.state, record.session):
            events += (step.fact, *step.decisions)
    kinds = [type(event).__name__ for event in events]
    assert kinds.index("AccessDecided") == kinds.index("RequestReceived") + 1
    assert kinds.index("CallDispatched") == kinds.index("AccessDecided") + 1
