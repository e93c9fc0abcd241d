from datetime import UTC, datetime, timedelta

import pytest

from mcp_server.builtin import server
from tests.mcp_server.asking import NEW, OLD, Heard, ask, text_of, use


@pytest.mark.parametrize("version", [OLD, NEW])
async def test_the_demonstration_shows_every_feature(version: str) -> None:
    assert [tool["name"] for tool in (await ask(server, "tools/list", version=version))["tools"]] == [
        "echo",
        "add",
        "count_slowly",
        "now",
        "fail",
    ]
    assert [prompt["name"] for prompt in (await ask(server, "prompts/list", version=version))["prompts"]] == [
        "explain_session",
        "summarise",
    ]
    assert (await ask(server, "resources/list", version=version))["resources"][0]["uri"] == "rewind://about"
    (template,) = (await ask(server, "resources/templates/list", version=version))["resourceTemplates"]
    assert template["uriTemplate"] == "rewind://multiplication/{a}/{b}"


async def test_every_tool_and_argument_is_described() -> None:
    for tool in (await ask(server, "tools/list"))["tools"]:
        assert tool["description"]
        assert all(argument["description"] for argument in tool["inputSchema"]["properties"].values())
    for prompt in (await ask(server, "prompts/list"))["prompts"]:
        assert prompt["description"]
        assert all(argument["description"] for argument in prompt["arguments"])


async def test_echo_and_add_are_exact() -> None:
    assert text_of(await use(server, "echo", text="\u00e4 \U0001f600\n")) == "\u00e4 \U0001f600\n"
    assert (await use(server, "add", a=2**64, b=1))["structuredContent"] == 2**64 + 1
    assert (await use(server, "add", a=0.5, b=1))["structuredContent"] == 1.5
    assert 'arguments.a: "x" is not of type "number"' in text_of(await use(server, "add", a="x", b=1))


async def test_count_slowly_streams_within_its_bounds() -> None:
    heard = Heard()
    result = await use(server, "count_slowly", heard=heard, to=3, delay=0)
    assert [block["text"] for block in heard.chunks] == ["1", "2", "3"]
    assert result["content"] == heard.chunks
    assert text_of(await use(server, "count_slowly", to=101)) == "arguments.to: 101 is greater than the maximum of 100"
    assert (await use(server, "count_slowly", delay=11))["isError"] is True


async def test_now_is_the_time_in_utc() -> None:
    told = datetime.fromisoformat(text_of(await use(server, "now")))
    assert told.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - told) < timedelta(minutes=1)


async def test_fail_fails_with_its_message() -> None:
    result = await use(server, "fail", message="as you wish")
    assert (result["isError"], text_of(result)) == (True, "as you wish")


async def test_the_prompts_hold_what_they_were_given() -> None:
    for name, arguments in (
        ("explain_session", {"session": "12:00 tools/call echo"}),
        ("summarise", {"text": "12:00 tools/call echo", "style": "bullets"}),
    ):
        result = await ask(server, "prompts/get", {"name": name, "arguments": arguments})
        assert "\n---\n12:00 tools/call echo\n---" in result["messages"][0]["content"]["text"]
    completed = await ask(
        server,
        "completion/complete",
        {"ref": {"type": "ref/prompt", "name": "summarise"}, "argument": {"name": "style", "value": "b"}},
    )
    assert completed["completion"]["values"] == ["brief", "bullets"]


async def test_the_resources_can_be_read() -> None:
    (about,) = (await ask(server, "resources/read", {"uri": "rewind://about"}))["contents"]
    assert about["mimeType"] == "text/markdown"
    assert about["text"].startswith("# mcp-rewind\n")
    (product,) = (await ask(server, "resources/read", {"uri": "rewind://multiplication/6/-7"}))["contents"]
    assert product["text"] == '{"a":6,"b":-7,"product":-42}'
