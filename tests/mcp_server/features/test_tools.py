import datetime as dt
import json
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Annotated, Any, Literal, TypedDict

import msgspec
import pytest
from msgspec import Meta

from events.codes import INVALID_PARAMS
from mcp_server.calls import CallRefused
from mcp_server.context import Context
from mcp_server.features.results import ToolError
from mcp_server.features.server import MCPServer
from mcp_server.features.unusable import Unusable
from tests.mcp_server.asking import NEW, OLD, ask, detail_of, text_of, use


class Point(msgspec.Struct):
    x: int
    y: int = 0


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Box:
    corner: Point
    label: str | None = None


class Size(TypedDict):
    width: float
    height: float


def fresh() -> MCPServer:
    return MCPServer("test", "1.2.3")


async def schema_of(server: MCPServer, version: str = NEW) -> dict[str, Any]:
    (tool,) = (await ask(server, "tools/list", version=version))["tools"]
    schema: dict[str, Any] = tool["inputSchema"]
    return schema


async def test_a_tool_is_listed_with_what_its_signature_and_docstring_say() -> None:
    server = fresh()

    @server.tool(title="Search", read_only=True, open_world=False)
    async def search(query: str, limit: int = 10) -> str:
        """Find notes.

        Looks in titles too.

        Args:
            query: What to look for.
            limit: The most notes to return,
                at least one.
        """
        return query * limit

    assert (await ask(server, "tools/list"))["tools"] == [
        {
            "name": "search",
            "title": "Search",
            "description": "Find notes.\n\nLooks in titles too.",
            "inputSchema": {
                "type": "object",
                "properties": {
                    "query": {"type": "string", "description": "What to look for."},
                    "limit": {
                        "type": "integer",
                        "description": "The most notes to return, at least one.",
                        "default": 10,
                    },
                },
                "required": ["query"],
                "additionalProperties": False,
            },
            "annotations": {"readOnlyHint": True, "openWorldHint": False},
        }
    ]


async def test_a_decorated_function_stays_what_it_was() -> None:
    server = fresh()

    @server.tool
    def double(x: int) -> int:
        return 2 * x

    @server.tool("triple", title="Three times")
    def times_three(x: int) -> int:
        return 3 * x

    @server.tool()
    def plain() -> None: ...

    assert double(4) == 8
    assert times_three(4) == 12
    assert [tool["name"] for tool in (await ask(server, "tools/list"))["tools"]] == ["double", "triple", "plain"]


async def test_types_become_schemas_and_values_arrive_as_those_types() -> None:
    server = fresh()
    seen: dict[str, Any] = {}

    @server.tool
    async def record(
        box: Box,
        size: Size,
        when: dt.datetime,
        colour: Colour,
        pair: tuple[int, str],
        tags: set[str],
        mode: Literal["fast", "slow"] = "fast",
        weight: Annotated[float, Meta(gt=0, description="In kilograms.")] = 1.0,
    ) -> None:
        seen.update(locals())

    schema = await schema_of(server)
    assert schema["properties"]["box"] == {"$ref": "#/$defs/Box"}
    assert schema["properties"]["mode"] == {"enum": ["fast", "slow"], "default": "fast"}
    assert schema["properties"]["weight"] == {
        "type": "number",
        "exclusiveMinimum": 0,
        "description": "In kilograms.",
        "default": 1.0,
    }
    assert schema["required"] == ["box", "size", "when", "colour", "pair", "tags"]
    assert schema["$defs"]["Point"]["required"] == ["x"]

    result = await use(
        server,
        "record",
        box={"corner": {"x": 1}},
        size={"width": 2, "height": 3.5},
        when="2026-01-02T03:04:05Z",
        colour="blue",
        pair=[7, "seven"],
        tags=["a", "b"],
        weight=3,
    )
    assert result["content"] == []
    assert seen["box"] == Box(Point(1, 0), None)
    assert seen["size"] == {"width": 2.0, "height": 3.5}
    assert seen["when"] == dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    assert seen["colour"] is Colour.BLUE
    assert seen["pair"] == (7, "seven")
    assert seen["tags"] == {"a", "b"}
    assert seen["mode"] == "fast"
    assert repr(seen["weight"]) == "3.0"


async def test_a_whole_float_is_an_integer_wherever_it_stands() -> None:
    server = fresh()

    @server.tool
    async def show(n: int, point: Point) -> str:
        return f"{n!r} {point.x!r}"

    assert text_of(await use(server, "show", n=2.0, point={"x": 3.0})) == "2 3"


async def test_bad_arguments_are_the_models_to_mend() -> None:
    server = fresh()

    @server.tool
    async def add(a: int | float, b: int | float) -> int | float:  # noqa: PYI041
        return a + b

    result = await use(server, "add", a="x", c=1)
    assert result["isError"] is True
    assert text_of(result).splitlines() == [
        'arguments: "b" is a required property',
        'arguments.a: "x" is not of type "number"',
        "arguments: Additional properties are not allowed ('c' was unexpected)",
    ]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"box": {"corner": {"x": "1"}}}, 'arguments.box.corner.x: "1" is not of type "integer"'),
        ({"box": {"corner": {"x": 1}, "label": 5}}, 'arguments.box.label: 5 is not of type "string" or "null"'),
        ({"boxes": [{"corner": {"x": 1}}, 3]}, 'arguments.boxes[1]: 3 is not of type "object"'),
        ({"when": "yesterday"}, "arguments.when: Invalid RFC3339 encoded datetime"),
        ({"real": 10**400}, "arguments.real: int too large to convert to float"),
    ],
)
async def test_an_error_names_the_place_and_what_is_expected_there(arguments: dict[str, Any], told: str) -> None:
    server = fresh()

    @server.tool
    async def take(
        box: Box | None = None,
        boxes: list[Box] = [],  # noqa: B006
        when: dt.datetime | None = None,
        real: float = 0.0,
    ) -> None: ...

    result = await use(server, "take", **arguments)
    assert result["isError"] is True
    assert text_of(result) == told


async def test_an_error_never_echoes_a_huge_value() -> None:
    server = fresh()

    @server.tool
    async def take(n: int, rows: list[int] = []) -> None: ...  # noqa: B006

    long_name: dict[str, Any] = {"n": 1, "k" * 10_000: 1}
    assert len(text_of(await use(server, "take", n="x" * 1_000_000))) < 300
    assert len(text_of(await use(server, "take", n=1, rows=["x"] * 50_000))) < 300
    assert len(text_of(await use(server, "take", **long_name))) < 400


async def test_integers_of_any_size_stay_exact_both_ways() -> None:
    server = fresh()

    @server.tool
    async def square(n: int) -> int:
        return n * n

    big = 2**64 + 1
    modern, legacy = await use(server, "square", n=big), await use(server, "square", OLD, n=big)
    assert modern["structuredContent"] == big * big
    assert legacy["structuredContent"] == {"result": big * big}
    assert text_of(modern) == str(big * big)


async def test_what_a_tool_raises_is_its_result_and_tells_an_id_where_it_is_not_for_the_client() -> None:
    server = fresh()

    @server.tool
    async def broken(how: str) -> str:
        match how:
            case "told":
                raise ToolError("the printer is on fire")
            case "silent":
                raise KeyError
            case "group":
                raise ExceptionGroup("many", [ValueError("one"), OSError("two")])
            case "exit":
                raise SystemExit(3)
        raise CallRefused(INVALID_PARAMS, "no such how", {"how": how})

    result = await use(server, "broken", how="told")
    assert (result["isError"], text_of(result)) == (True, "the printer is on fire")
    details = {
        "silent": "builtins.KeyError at",
        "group": "ValueError: one; OSError: two",
        "exit": "builtins.SystemExit at",
    }
    for how, text in details.items():
        assert text in await detail_of(server, "broken", {"how": how})
    with pytest.raises(CallRefused) as refused:
        await use(server, "broken", how="else")
    assert (refused.value.code, refused.value.data) == (INVALID_PARAMS, {"how": "else"})


async def test_an_unknown_tool_is_refused_with_names_like_it() -> None:
    server = fresh()
    for name in ("search_notes", "search_notices", "delete_note"):
        server.tool(name)(lambda: None)

    with pytest.raises(CallRefused, match="unknown tool: search_note; did you mean search_notes or") as refused:
        await use(server, "search_note")
    assert refused.value.code == INVALID_PARAMS
    assert refused.value.data == {"name": "search_note", "near": ["search_notes", "search_notices"]}


@pytest.mark.parametrize("params", [{}, {"name": None}, {"name": 3}, {"name": ["echo"]}])
async def test_a_call_without_a_name_is_refused(params: dict[str, Any]) -> None:
    with pytest.raises(CallRefused, match=r"params\.name must be a string"):
        await ask(fresh(), "tools/call", params)


async def test_arguments_may_be_left_out_but_are_never_anything_else_than_an_object() -> None:
    server = fresh()
    server.tool("hello")(lambda: "hi")

    assert text_of(await ask(server, "tools/call", {"name": "hello"})) == "hi"
    wrongs: tuple[Any, ...] = ([], "x", 1, False)
    for wrong in wrongs:
        with pytest.raises(CallRefused, match=r"params\.arguments must be an object"):
            await ask(server, "tools/call", {"name": "hello", "arguments": wrong})


async def test_a_tool_cannot_change_what_was_recorded() -> None:
    server = fresh()

    @server.tool
    async def spoil(rows: list[Any], more: dict[str, Any], anything: Any) -> int:
        rows.append(1)
        more["x"] = 1
        anything["deep"].clear()
        return 0

    arguments = {"rows": [], "more": {}, "anything": {"deep": [1, 2]}}
    before = json.dumps(arguments)
    result = await ask(server, "tools/call", {"name": "spoil", "arguments": arguments})
    assert "isError" not in result
    assert json.dumps(arguments) == before


async def test_a_schema_of_ones_own_is_listed_as_it_is_and_checked() -> None:
    server = fresh()
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {"word": {"$anchor": "word", "type": "string", "maxLength": 3}},
        "properties": {"a": {"$ref": "#/$defs/word"}},
        "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
    }

    @server.tool(input_schema=schema)
    async def free(**arguments: Any) -> str:
        return json.dumps(arguments, sort_keys=True)

    assert await schema_of(server) == schema
    assert text_of(await use(server, "free", a="abc", z=[1])) == '{"a": "abc", "z": [1]}'
    assert text_of(await use(server, "free", a="abcd")) == 'arguments.a: "abcd" is longer than 3 characters'
    assert (await use(server, "free"))["isError"] is True


async def test_the_context_is_given_and_not_shown() -> None:
    server = fresh()

    @server.tool
    async def who(ctx: Context, greeting: str = "hi") -> str:
        return f"{greeting} {ctx.principal} {ctx.request_id} {ctx.version} {ctx.meta['x']}"

    assert list((await schema_of(server))["properties"]) == ["greeting"]
    params = {"name": "who", "_meta": {"x": "y"}}
    assert text_of(await ask(server, "tools/call", params)) == f"hi alice 1 {NEW} y"


async def test_bound_methods_partials_and_callable_objects_are_functions_too() -> None:
    class Counter:
        def __init__(self) -> None:
            self.count = 0

        async def add(self, n: int) -> str:
            self.count += n
            return str(self.count)

        async def __call__(self, n: int) -> str:
            return await self.add(-n)

    server, counter = fresh(), Counter()
    server.tool(counter.add)
    server.tool("subtract")(counter)
    server.tool("add_two")(partial(counter.add, n=2))

    assert text_of(await use(server, "add", n=5)) == "5"
    assert text_of(await use(server, "subtract", n=1)) == "4"
    assert text_of(await use(server, "add_two")) == "6"


def positional(a: int, /) -> None: ...
def starred(*a: int) -> None: ...
def kwargs(**a: int) -> None: ...
def strange(a: complex) -> None: ...
def ambiguous(a: Point | dict[str, int]) -> None: ...
def missing(a: "Missing") -> None: ...  # type: ignore[name-defined]  # noqa: F821
def lookbehind(a: Annotated[str, Meta(pattern="(?<=x)y")]) -> None: ...
def returns_strange() -> complex: ...  # type: ignore[empty-body]


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (Box, "tool Box: a class is no function"),
        (positional, "tool positional: the parameter a cannot be given by name"),
        (starred, "tool starred: the parameter a cannot be given by name"),
        (kwargs, r"tool kwargs: \*\*arguments can be anything; give an input_schema"),
        (strange, "tool strange: the parameter a has a type without a JSON form"),
        (ambiguous, "tool ambiguous: the parameter a has a type without a JSON form"),
        (missing, "tool missing: an annotation cannot be resolved: name 'Missing' is not defined"),
        (lookbehind, "tool lookbehind: .*patterns have no lookaround"),
        (returns_strange, r"tool returns_strange: what it returns \(output_schema=False leaves the schema out\)"),
    ],
)
def test_what_cannot_be_a_tool_says_why(function: Any, told: str) -> None:
    with pytest.raises(Unusable, match=told):
        fresh().tool(function)


@pytest.mark.parametrize("name", ["", "with space", "sch\u00f6n", "a/b", "x" * 129, "line\n"])
def test_names_are_those_that_every_client_takes(name: str) -> None:
    with pytest.raises(Unusable, match="is no name for a tool"):
        fresh().tool(name)(lambda: None)


def test_a_name_is_taken_once() -> None:
    server = fresh()
    server.tool("x")(lambda: None)
    with pytest.raises(Unusable, match="there is a tool x already"):
        server.tool("x")(lambda: None)


async def test_a_default_of_none_makes_a_parameter_optional() -> None:
    server = fresh()

    @server.tool
    async def show(text: str = None) -> str:  # type: ignore[assignment]  # noqa: RUF013
        return repr(text)

    assert text_of(await use(server, "show", text=None)) == "None"
    assert text_of(await use(server, "show")) == "None"


async def test_a_header_can_be_asked_for_in_the_schema() -> None:
    server = fresh()

    @server.tool
    async def locate(region: Annotated[str, Meta(extra_json_schema={"x-mcp-header": "Region"})] = "eu") -> str:
        return region

    assert (await schema_of(server))["properties"]["region"]["x-mcp-header"] == "Region"


def test_arguments_are_an_object_also_in_a_schema_of_ones_own() -> None:
    with pytest.raises(Unusable, match="tool x: the root of an input schema has the type object"):
        fresh().tool("x", input_schema={"type": "array"})(lambda: None)
