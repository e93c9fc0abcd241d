import itertools
from enum import Enum
from typing import Any, Literal

import pytest

from events.codes import INTERNAL_ERROR, INVALID_PARAMS, RESOURCE_NOT_FOUND
from mcp_server.calls import CallRefused
from mcp_server.context import Context
from mcp_server.features.server import MCPServer
from mcp_server.features.unusable import Unusable
from tests.mcp_server.asking import NEW, OLD, ask


class Colour(Enum):
    RED = "red"
    ROSE = "rose"
    BLUE = "blue"


@pytest.fixture
def server() -> MCPServer:
    server = MCPServer("test")

    @server.prompt
    def paint(colour: Colour, size: Literal["small", "large"] | None = None, what: str = "", who: str = "") -> str:
        return f"{colour} {size} {what} {who}"

    @server.resource("shop://{city}/{street}")
    def shop(city: str, street: str) -> str:
        return city + street

    @server.completion("paint", "what")
    def things(typed: str) -> list[str]:
        return [f"{typed}{number}" for number in range(250)]

    @server.completion("shop://{city}/{street}", "street")
    async def streets(typed: str, others: dict[str, str], ctx: Context) -> list[str]:
        return [f"{others.get('city', 'nowhere')} {typed} {ctx.principal}"]

    return server


async def complete(server: MCPServer, argument: str, value: str, version: str = NEW, **ref: Any) -> Any:
    ref = ref or {"type": "ref/prompt", "name": "paint"}
    params = {"ref": ref, "argument": {"name": argument, "value": value}, "context": {"arguments": {"city": "Bonn"}}}
    return (await ask(server, "completion/complete", params, version))["completion"]


@pytest.mark.parametrize("version", [OLD, NEW])
async def test_a_type_with_few_values_completes_itself(server: MCPServer, version: str) -> None:
    red = {"values": ["red", "rose"], "total": 2, "hasMore": False}
    assert await complete(server, "colour", "R", version) == red
    assert (await complete(server, "size", "", version))["values"] == ["small", "large"]
    assert (await complete(server, "who", "x", version))["values"] == []


async def test_a_function_completes_and_a_hundred_values_are_sent(server: MCPServer) -> None:
    found = await complete(server, "what", "x")
    assert found["values"] == [f"x{number}" for number in range(100)]
    assert (found["total"], found["hasMore"]) == (250, True)


async def test_a_function_may_look_at_the_other_arguments(server: MCPServer) -> None:
    ref = {"type": "ref/resource", "uri": "shop://{city}/{street}"}
    assert (await complete(server, "street", "Am", **ref))["values"] == ["Bonn Am alice"]
    assert (await complete(server, "city", "B", **ref))["values"] == []


@pytest.mark.parametrize("version", [OLD, NEW])
@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("word", "is to return the values as a list, and returned str"),
        (None, "is to return the values as a list, and returned NoneType"),
        (["x" * 5000], "the values of the completion have 5000 bytes; at most 4000 are sent"),
    ],
)
async def test_a_function_that_returns_no_list_of_values_is_told(version: str, value: Any, problem: str) -> None:
    server = MCPServer("test", result_limit=4000)

    @server.prompt
    def paint(what: str) -> str:
        return what

    @server.completion("paint", "what")
    def things(typed: str) -> Any:
        return value

    with pytest.raises(CallRefused) as refused:
        await complete(server, "what", "", version)
    assert refused.value.code == INTERNAL_ERROR
    assert problem in refused.value.message


async def test_a_function_without_an_end_is_left_after_ten_thousand_values() -> None:
    server = MCPServer("test")

    @server.prompt
    def paint(what: str, bright: bool = True) -> str:
        return what

    @server.completion("paint", "what")
    def things(typed: str) -> Any:
        return itertools.count()

    found = await complete(server, "what", "")
    assert (found["total"], found["hasMore"], found["values"][:2]) == (10_000, True, ["0", "1"])
    assert (await complete(server, "bright", "T"))["values"] == ["true"]


async def test_what_is_not_there_cannot_be_completed(server: MCPServer) -> None:
    for argument, ref, version, code in (
        ("nothing", {}, NEW, INVALID_PARAMS),
        ("x", {"type": "ref/prompt", "name": "pain"}, NEW, INVALID_PARAMS),
        ("x", {"type": "ref/resource", "uri": "shop://x"}, NEW, INVALID_PARAMS),
        ("x", {"type": "ref/resource", "uri": "shop://x"}, OLD, RESOURCE_NOT_FOUND),
        ("x", {"type": "ref/tool", "name": "paint"}, NEW, INVALID_PARAMS),
    ):
        with pytest.raises(CallRefused) as refused:
            await complete(server, argument, "", version, **ref)
        assert refused.value.code == code


@pytest.mark.parametrize("argument", [None, {}, {"name": "what"}, {"name": "what", "value": 1}, "what"])
async def test_a_malformed_request_is_refused(server: MCPServer, argument: Any) -> None:
    params = {"ref": {"type": "ref/prompt", "name": "paint"}, "argument": argument}
    with pytest.raises(CallRefused, match=r"params\.argument must have a name and a value"):
        await ask(server, "completion/complete", params)


def nothing() -> list[str]:
    return []


def the_same(typed: str) -> list[str]:
    return [typed]


def test_only_what_exists_can_be_completed_and_only_once(server: MCPServer) -> None:
    with pytest.raises(Unusable, match="there is no prompt or template paint with an argument colours"):
        server.completion("paint", "colours")(the_same)
    with pytest.raises(Unusable, match="already"):
        server.completion("paint", "what")(the_same)
    with pytest.raises(Unusable, match="it takes what was typed"):
        server.completion("paint", "who")(nothing)
