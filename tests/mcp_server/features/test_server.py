from typing import Any

import pytest

from mcp_server.features.server import MCPServer
from mcp_server.features.unusable import Unusable
from tests.mcp_server.asking import ask


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"readonly": True}, "tool has no option readonly; did you mean read_only?"),
        ({"zzz": 1}, "tool has no option zzz"),
        ({"cacheable": 0}, "tool: cacheable is in seconds, and more than none; leave it out instead"),
        ({"cacheable": -1.5}, "tool: cacheable is in seconds, and more than none; leave it out instead"),
    ],
)
def test_what_is_misspelt_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(Unusable) as refused:
        MCPServer("test").tool("x", **options)
    assert str(refused.value) == told


def test_resources_and_prompts_know_their_options_too() -> None:
    wrong: dict[str, Any] = {"titel": "x"}
    with pytest.raises(Unusable, match="resource has no option titel; did you mean title"):
        MCPServer("test").resource("r://x", **wrong)
    with pytest.raises(Unusable, match="prompt has no option titel; did you mean title"):
        MCPServer("test").prompt("x", **wrong)


def test_a_resource_without_a_uri_says_what_to_write() -> None:
    def today() -> str:
        return ""

    bare: Any = MCPServer("test").resource
    with pytest.raises(Unusable, match=r"resource needs a URI: @server\.resource\('notes://today'\)"):
        bare(today)


def test_a_server_shows_its_name() -> None:
    server = MCPServer("shop")
    assert (server.name, repr(server)) == ("shop", "MCPServer('shop')")


def test_at_least_one_thread_is_needed() -> None:
    with pytest.raises(ValueError, match="at least one thread"):
        MCPServer("test", threads=0)


async def test_what_was_added_to_a_copy_is_offered_when_it_is_adopted_and_not_before() -> None:
    server = MCPServer("test")
    trial = server.copy()

    @trial.tool
    def greet() -> str:
        """Greet."""
        return "hello"

    assert (await ask(server, "tools/list"))["tools"] == []
    server.adopt(trial)
    assert [tool["name"] for tool in (await ask(server, "tools/list"))["tools"]] == ["greet"]
    trial.prompt(greet)
    assert (await ask(server, "prompts/list"))["prompts"] == []
