import datetime as dt
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta

from events.codes import INTERNAL_ERROR, INVALID_PARAMS, RESOURCE_NOT_FOUND
from mcp_server.calls import CallRefused
from mcp_server.context import Context
from mcp_server.features.content import Annotations, Contents
from mcp_server.features.server import MCPServer
from mcp_server.features.unusable import Unusable
from tests.mcp_server.asking import NEW, OLD, ask


async def read(server: MCPServer, uri: str, version: str = NEW) -> Any:
    return (await ask(server, "resources/read", {"uri": uri}, version))["contents"]


async def test_resources_and_templates_are_listed_apart() -> None:
    server = MCPServer("test")

    @server.resource(
        "notes://today", title="Today", mime_type="text/plain", size=5, annotations=Annotations(priority=1)
    )
    def today() -> str:
        """What is to be done."""
        return "hello"

    @server.resource("notes://{day}", "by_day")
    def notes(day: str) -> str:
        return day

    assert (await ask(server, "resources/list"))["resources"] == [
        {
            "uri": "notes://today",
            "name": "today",
            "title": "Today",
            "description": "What is to be done.",
            "mimeType": "text/plain",
            "size": 5,
            "annotations": {"priority": 1},
        }
    ]
    assert (await ask(server, "resources/templates/list"))["resourceTemplates"] == [
        {"uriTemplate": "notes://{day}", "name": "by_day"}
    ]


@pytest.mark.parametrize(
    ("value", "contents"),
    [
        ("hi", [{"uri": "r://x", "text": "hi", "mimeType": "text/plain"}]),
        ("", [{"uri": "r://x", "text": "", "mimeType": "text/plain"}]),
        (b"\x00\x01", [{"uri": "r://x", "blob": "AAE=", "mimeType": "application/octet-stream"}]),
        ({"a": 2**70}, [{"uri": "r://x", "text": f'{{"a":{2**70}}}', "mimeType": "application/json"}]),
        (Contents(text="<p>", mime_type="text/html"), [{"uri": "r://x", "text": "<p>", "mimeType": "text/html"}]),
        (
            [Contents("r://x/1", text="one"), Contents("r://x/2", blob=b"2")],
            [{"uri": "r://x/1", "text": "one"}, {"uri": "r://x/2", "blob": "Mg=="}],
        ),
    ],
)
@pytest.mark.parametrize("version", [OLD, NEW])
async def test_what_a_function_returns_is_what_a_client_reads(value: Any, contents: Any, version: str) -> None:
    server = MCPServer("test")
    server.resource("r://x", "x")(lambda: value)
    assert await read(server, "r://x", version) == contents


async def test_the_declared_type_wins() -> None:
    server = MCPServer("test")
    server.resource("r://x", "x", mime_type="image/png")(lambda: b"\x89")
    assert (await read(server, "r://x"))[0]["mimeType"] == "image/png"


async def test_freshness_is_told_where_the_protocol_has_it() -> None:
    server = MCPServer("test")
    server.resource("r://kept", "kept", cacheable=2.5, public=True)(lambda: "")
    server.resource("r://always", "always")(lambda: "")
    kept = await ask(server, "resources/read", {"uri": "r://kept"})
    assert (kept["ttlMs"], kept["cacheScope"]) == (2500, "public")
    always = await ask(server, "resources/read", {"uri": "r://always"})
    assert (always["ttlMs"], always["cacheScope"]) == (0, "private")
    assert "ttlMs" not in await ask(server, "resources/read", {"uri": "r://kept"}, OLD)


async def test_variables_arrive_as_their_types() -> None:
    server = MCPServer("test")

    @server.resource("log://{day}/{page}/{kind}")
    async def page(
        day: dt.date, page: int, kind: Literal["raw", "nice"], ctx: Context, size: int = 3
    ) -> dict[str, Any]:
        return {"day": day, "next": page + 1, "kind": kind, "who": ctx.principal, "size": size}

    assert (await read(server, "log://2026-01-02/3/raw"))[0]["text"] == (
        '{"day":"2026-01-02","next":4,"kind":"raw","who":"alice","size":3}'
    )
    for wrong in ("log://today/3/raw", "log://2026-01-02/three/raw", "log://2026-01-02/3/odd"):
        with pytest.raises(CallRefused, match="resource not found") as refused:
            await read(server, wrong)
        assert refused.value.data == {"uri": wrong}


async def test_a_pattern_on_a_variable_is_checked_in_linear_time() -> None:
    server = MCPServer("test")

    @server.resource("x://{code}")
    def by_code(code: Annotated[str, Meta(pattern="^(a+)+$")]) -> str:
        return code

    assert (await read(server, "x://aaa"))[0]["text"] == "aaa"
    with pytest.raises(CallRefused, match="does not match"):
        await read(server, "x://" + "a" * 100_000 + "!")


@pytest.mark.parametrize(("version", "code"), [(OLD, RESOURCE_NOT_FOUND), (NEW, INVALID_PARAMS)])
async def test_what_is_not_there_is_told_in_each_eras_own_way(version: str, code: int) -> None:
    server = MCPServer("test")
    server.resource("r://none", "none")(lambda: None)
    server.resource("r://empty", "empty")(nothing)
    server.resource("t://{x}", "t")(lambda x: None)
    for uri in ("r://unknown", "r://none", "r://empty", "t://x", ""):
        with pytest.raises(CallRefused) as refused:
            await read(server, uri, version)
        assert (refused.value.code, refused.value.data) == (code, {"uri": uri})
        assert refused.value.message == f"resource not found: {uri}"


async def test_a_uri_has_to_be_text() -> None:
    with pytest.raises(CallRefused, match="must be a string"):
        await ask(MCPServer("test"), "resources/read", {"uri": 1})


async def test_a_fixed_uri_comes_before_a_template_and_templates_in_their_order() -> None:
    server = MCPServer("test")
    server.resource("r://{x}", "first")(lambda x: "first")
    server.resource("r://{+x}", "second")(lambda x: "second")
    server.resource("r://fixed", "fixed")(lambda: "fixed")
    texts = [(await read(server, uri))[0]["text"] for uri in ("r://fixed", "r://a", "r://a/b")]
    assert texts == ["fixed", "first", "second"]


async def test_what_a_resource_raises_is_ours_to_look_into() -> None:
    server = MCPServer("test")
    server.resource("r://x", "x")(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        await read(server, "r://x")


async def test_a_resource_is_bounded() -> None:
    server = MCPServer("test", result_limit=100)
    server.resource("r://x", "x")(lambda: "x" * 200)
    with pytest.raises(CallRefused, match="at most 100 are sent") as refused:
        await read(server, "r://x")
    assert refused.value.code == INTERNAL_ERROR


def nothing() -> list[Contents]:
    return []


def generator() -> Any:
    yield ""


@pytest.mark.parametrize(
    ("uri", "function", "told"),
    [
        ("r://{a}", lambda: "", "no parameter for a"),
        ("r://{a}", lambda a, b: "", "the parameter b is no variable of the URI"),
        ("r://x", lambda a: "", "the parameter a is no variable of the URI"),
        ("r://x", generator, "only tools yield"),
        ("x", lambda: "", "no absolute URI"),
    ],
)
def test_what_cannot_be_a_resource_says_why(uri: str, function: Any, told: str) -> None:
    with pytest.raises(Unusable, match=told):
        MCPServer("test").resource(uri, "x")(function)


def test_a_uri_is_taken_once() -> None:
    server = MCPServer("test")
    server.resource("r://x", "x")(lambda: "")
    with pytest.raises(Unusable, match="there is a resource r://x already"):
        server.resource("r://x", "y")(lambda: "")
