import base64
import json
import math
import re
from dataclasses import dataclass
from typing import Any, TypedDict

import msgspec
import pytest

from mcp_server.calls import Answer
from mcp_server.features.content import Annotations, Audio, Contents, Embedded, Image, ResourceLink, Text
from mcp_server.features.results import Result
from mcp_server.features.server import MCPServer
from tests.mcp_server.asking import NEW, OLD, Heard, ask, call, text_of, use

PNG = b"\x89PNG\r\n\x1a\n"
INFO = {"io.modelcontextprotocol/serverInfo": {"name": "test", "version": "0.1.0"}}


@dataclass
class Weather:
    degrees: float
    sky: str


class Tree(msgspec.Struct):
    value: int
    children: list["Tree"] = []


class Size(TypedDict):
    width: int


async def output_schema(server: MCPServer, version: str) -> Any:
    (tool,) = (await ask(server, "tools/list", version=version))["tools"]
    return tool.get("outputSchema")


def returning(value: Any, hint: Any = None) -> MCPServer:
    server = MCPServer("test")

    async def give() -> Any:
        return value

    if hint is not None:
        give.__annotations__["return"] = hint
    server.tool(give)
    return server


async def test_results_of_both_eras_differ_only_in_what_the_newer_one_asks_for() -> None:
    server = returning("hi", str)
    assert await use(server, "give", OLD) == {"content": [{"type": "text", "text": "hi"}]}
    assert await use(server, "give", NEW) == {
        "content": [{"type": "text", "text": "hi"}],
        "resultType": "complete",
        "_meta": INFO,
    }


async def test_content_blocks_are_sent_as_the_protocol_writes_them() -> None:
    blocks = [
        Text("hi", annotations=Annotations(audience=("user",), priority=0.5)),
        Image(PNG, "image/png"),
        Audio(b"RIFF", "audio/wav", meta={"seconds": 1}),
        ResourceLink("notes://1", "one", size=3),
        Embedded(Contents("notes://2", text="")),
        Embedded(Contents("notes://3", blob=b"\x00", mime_type="application/x-zero")),
        "plain",
        {"a": 1},
    ]
    for version in (OLD, NEW):
        assert (await use(returning(blocks), "give", version))["content"] == [
            {"type": "text", "text": "hi", "annotations": {"audience": ["user"], "priority": 0.5}},
            {"type": "image", "data": base64.b64encode(PNG).decode(), "mimeType": "image/png"},
            {"type": "audio", "data": "UklGRg==", "mimeType": "audio/wav", "_meta": {"seconds": 1}},
            {"type": "resource_link", "uri": "notes://1", "name": "one", "size": 3},
            {"type": "resource", "resource": {"uri": "notes://2", "text": ""}},
            {"type": "resource", "resource": {"uri": "notes://3", "blob": "AA==", "mimeType": "application/x-zero"}},
            {"type": "text", "text": "plain"},
            {"type": "text", "text": '{"a":1}'},
        ]


@pytest.mark.parametrize(
    ("value", "hint", "wrapped"),
    [
        (Weather(21.5, "clear"), Weather, False),
        ({"width": 3}, Size, False),
        (Tree(1, [Tree(2)]), Tree, False),
        ({"a": [1, None]}, dict[str, Any], False),
        (7, int, True),
        ([1.5, 2.0], list[float], True),
        ([Weather(1.0, "rain")], list[Weather], True),
        ({"a": Tree(1)}, dict[str, Tree], False),
        (["a", "b"], list[str], True),
        (None, int | None, True),
        (True, bool, True),
    ],
)
async def test_a_typed_result_is_there_for_programs_and_as_text(value: Any, hint: Any, wrapped: bool) -> None:
    server = returning(value, hint)
    plain = msgspec.to_builtins(value)
    modern, legacy = await use(server, "give", NEW), await use(server, "give", OLD)
    assert modern["structuredContent"] == plain
    assert legacy["structuredContent"] == ({"result": plain} if wrapped else plain)
    assert json.loads(text_of(modern)) == json.loads(text_of(legacy)) == plain
    old, new = await output_schema(server, OLD), await output_schema(server, NEW)
    assert old["type"] == "object"
    assert (old == new) is not wrapped


@pytest.mark.parametrize(
    "hint", [str, None, Any, list[Text], list[Text | Image], str | Image, Result, list, object, str | None]
)
async def test_results_for_the_model_have_no_output_schema(hint: Any) -> None:
    assert await output_schema(returning("x", hint), NEW) is None


async def test_an_untyped_dict_is_structured_too_and_an_untyped_list_is_text() -> None:
    assert (await use(returning({"a": 1}), "give", OLD))["structuredContent"] == {"a": 1}
    result = await use(returning([1, 2]), "give", OLD)
    assert "structuredContent" not in result
    assert text_of(result) == "[1,2]"


async def test_a_tool_that_breaks_its_own_promise_fails() -> None:
    result = await use(returning({"degrees": "hot", "sky": "clear"}, Weather), "give")
    assert result["isError"] is True
    assert text_of(result).splitlines() == [
        "the tool's result does not match its output schema",
        'result.degrees: "hot" is not of type "number"',
    ]


async def test_a_full_result_decides_on_everything() -> None:
    value = Result(content=["so", Image(PNG, "image/png")], structured={"n": 1}, is_error=True, meta={"took": 3})
    modern, legacy = await use(returning(value), "give", NEW), await use(returning(value), "give", OLD)
    assert [block["type"] for block in modern["content"]] == ["text", "image"]
    assert modern["structuredContent"] == {"n": 1}
    assert modern["isError"] is True
    assert modern["_meta"] == {"took": 3, **INFO}
    assert legacy["_meta"] == {"took": 3}
    only = await use(returning(Result(structured=[1])), "give", OLD)
    assert only["structuredContent"] == {"result": [1]}
    assert text_of(only) == "[1]"


@pytest.mark.parametrize(
    ("value", "hint", "told"),
    [
        (math.nan, float, "NaN and Infinity are not JSON"),
        ([1.0, -math.inf, None], list[float | None], "NaN and Infinity are not JSON"),
        ({"deep": [{"x": math.nan}], "null": None}, None, "NaN and Infinity are not JSON"),
        ([10**5000], list[int], "4300"),
        ("\ud800", str, "lone surrogate"),
        ({"a": "\ud800"}, None, "lone surrogate"),
        ([Text("\ud800")], None, "a Text cannot be written as JSON"),
        (b"\x00", None, "return an Image, Audio or Embedded"),
        ({"a": 1j}, None, "it has no JSON form: Encoding objects of type complex is unsupported"),
        (object(), None, "it has no JSON form"),
    ],
)
async def test_what_json_cannot_hold_is_an_error_and_never_null(value: Any, hint: Any, told: str) -> None:
    result = await use(returning(value, hint), "give")
    assert result["isError"] is True
    assert told in text_of(result)


async def test_a_value_that_holds_itself_is_an_error() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert (await use(returning(loop), "give"))["isError"] is True


async def test_a_result_is_bounded() -> None:
    server = MCPServer("test", result_limit=1000)

    @server.tool
    async def fill(size: int) -> str:
        return "x" * size

    heard = Heard()
    fits, too_large = await use(server, "fill", size=500), await use(server, "fill", heard=heard, size=2000)
    assert "isError" not in fits
    assert too_large["isError"] is True
    assert text_of(too_large).startswith("the tool's result has 2")
    assert text_of(too_large).endswith("at most 1000 are sent")


async def test_text_survives_whatever_is_in_it() -> None:
    text = 'quotes " \\ \n \u2028 \x00 \U0001f600 </script>'
    assert text_of(await use(returning(text, str), "give")) == text


async def test_an_answer_knows_whether_it_is_an_error() -> None:
    server = MCPServer("test")
    server.tool("fail")(lambda: 1 / 0)
    answer = await server.catalogue().answer(call("tools/call", {"name": "fail"}), Heard())
    assert answer == Answer(answer.payload, is_error=True, detail=answer.detail)
    about = answer.detail.partition(": ")[0]
    assert json.loads(answer.payload)["content"] == [{"type": "text", "text": f"internal error {about}"}]
    assert re.fullmatch("[0-9a-f]{16}: builtins.ZeroDivisionError at .*: division by zero", answer.detail)


def test_contents_are_text_or_bytes() -> None:
    for wrong in ({}, {"text": "a", "blob": b"a"}):
        with pytest.raises(ValueError, match="either text or blob"):
            Contents("notes://1", **wrong)  # type: ignore[arg-type]


async def test_a_full_result_keeps_its_promise_too() -> None:
    broken, failed = Result(structured={"degrees": 1}), Result(structured="as it is", is_error=True)
    assert "match its output schema" in text_of(await use(returning(broken, Weather), "give"))
    assert (await use(returning(failed, Weather), "give"))["structuredContent"] == "as it is"


async def test_an_integer_with_more_digits_than_python_writes_is_an_error() -> None:
    assert "4300 digits" in text_of(await use(returning(10**5000), "give"))
