import json

import pytest

from events.codes import METHOD_NOT_FOUND
from mcp_server.calls import CallRefused
from mcp_server.features.server import MCPServer
from operators.policy import CacheRule
from operators.versions import LEGACY, MODERN
from tests.mcp_server.asking import NEW, OLD, Heard, ask, call

LISTED = {"listChanged": True}


def full() -> MCPServer:
    server = MCPServer("shop", "2.0", title="The shop", instructions="Be kind.", website_url="https://shop.example")
    server.tool("buy", destructive=True)(lambda: "")
    server.tool("look", read_only=True, cacheable=30, public=True)(lambda: "")
    server.tool("set_price", idempotent=True, cacheable=5.0)(lambda: "")
    server.resource("shop://window", "window", cacheable=60)(lambda: "")
    server.resource("shop://door", "door")(lambda: "")
    server.resource("shop://{item}", "item", cacheable=60)(lambda item: item)
    server.prompt("haggle")(lambda: "")
    return server


@pytest.mark.parametrize("version", LEGACY)
async def test_the_handshake_of_the_older_era(version: str) -> None:
    assert await ask(full(), "initialize", {"protocolVersion": "whatever"}, version) == {
        "protocolVersion": version,
        "capabilities": {"logging": {}, "tools": LISTED, "resources": LISTED, "prompts": LISTED},
        "instructions": "Be kind.",
        "serverInfo": {
            "name": "shop",
            "title": "The shop",
            "version": "2.0",
            "websiteUrl": "https://shop.example",
        },
    }


async def test_the_discovery_of_the_newer_era() -> None:
    found = await ask(full(), "server/discover")
    assert found["supportedVersions"] == list(MODERN)
    assert found["instructions"] == "Be kind."
    assert found["capabilities"] == {"logging": {}, "tools": LISTED, "resources": LISTED, "prompts": LISTED}
    assert (found["ttlMs"], found["cacheScope"], found["resultType"]) == (300_000, "public", "complete")
    assert found["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "shop"


async def test_only_what_exists_is_advertised() -> None:
    assert (await ask(MCPServer("bare"), "server/discover"))["capabilities"] == {"logging": {}}
    server = MCPServer("templates")
    server.resource("x://{y}", "x")(lambda y: y)
    assert (await ask(server, "server/discover"))["capabilities"] == {"logging": {}, "resources": LISTED}
    server.prompt("p")(lambda a: a)
    server.completion("p", "a")(lambda typed: [])
    assert (await ask(server, "server/discover"))["capabilities"] == {
        "logging": {},
        "resources": LISTED,
        "prompts": LISTED,
        "completions": {},
    }


@pytest.mark.parametrize("version", [OLD, NEW])
async def test_the_lists_of_an_empty_server_are_empty(version: str) -> None:
    for method, member in (("tools/list", "tools"), ("resources/templates/list", "resourceTemplates")):
        assert (await ask(MCPServer("bare"), method, version=version))[member] == []


async def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(CallRefused, match="unknown method: tools/forget") as refused:
        await full().catalogue().answer(call("tools/forget"), Heard())
    assert refused.value.code == METHOD_NOT_FOUND


def test_what_may_be_cached_is_what_was_marked() -> None:
    assert full().catalogue().cache_rules() == (
        CacheRule("tools/call", "look", 30.0, public=True),
        CacheRule("tools/call", "set_price", 5.0),
        CacheRule("resources/read", "shop://window", 60.0),
    )


def test_all_but_tools_act_on_nothing() -> None:
    catalogue = full().catalogue()
    for method, name in (("tools/list", ""), ("resources/read", "shop://x"), ("prompts/get", "haggle")):
        assert catalogue.is_read_only(method, name)
        assert catalogue.is_idempotent(method, name)
    told = {
        name: (catalogue.is_read_only("tools/call", name), catalogue.is_idempotent("tools/call", name))
        for name in ("buy", "look", "set_price", "unknown")
    }
    assert told == {
        "buy": (False, False),
        "look": (True, True),
        "set_price": (False, True),
        "unknown": (False, False),
    }


async def test_what_is_added_or_removed_counts_at_once() -> None:
    server = full()
    catalogue, copied = server.catalogue(), server.copy()
    server.tool("late")(lambda: "")

    async def names() -> list[str]:
        answer = await catalogue.answer(call("tools/list"), Heard())
        return [tool["name"] for tool in json.loads(answer.payload)["tools"]]

    assert "late" in await names()
    assert "late" in str(await ask(copied, "tools/list"))
    await catalogue.answer(call("tools/call", {"name": "late"}), Heard())
    server.remove_tool("late")
    assert "late" not in await names()
    assert "late" not in str(await ask(copied, "tools/list"))
    with pytest.raises(CallRefused, match="unknown tool: late"):
        await catalogue.answer(call("tools/call", {"name": "late"}), Heard())
    copied.tool("own")(lambda: "")
    assert "own" not in await names()
    with pytest.raises(KeyError):
        server.remove_tool("late")
