"""Functions that ask the client: one abstraction over both eras."""

import asyncio
import json
from typing import Any

import msgspec
import pytest

from events.codes import INVALID_PARAMS, MISSING_CAPABILITY
from events.observed import CallReturned, InputWanted
from mcp_server import AskRefused, CallRefused, Context, Form, Link, MCPServer, Roots, Sample
from mcp_server.features.rounds import LIFETIME
from operators.versions import META_CAPABILITIES
from tests.facts import frame
from tests.mcp_server.asking import NEW, OLD, Heard, call, text_of
from tests.serving import call_params, serving

ABLE: dict[str, Any] = {"elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {}}
ACCEPTED = {"action": "accept", "content": {"name": "Ada"}}
NAME = Form("Who are you?", {"name": str})

begun: list[str] = []
server = MCPServer("asking")


@server.tool
async def greet(ctx: Context) -> str:
    begun.append("greet")
    answer = await ctx.ask(NAME)
    return f"Hello, {answer.content['name']}!" if answer else f"Good bye ({answer.action})."


@server.tool
async def steps(ctx: Context) -> str:
    first = (await ctx.ask(one=NAME))["one"]
    second = await ctx.ask(two=Sample("Rhyme", max_tokens=10), three=Roots())
    return f"{first.content['name']} {second['two'].text} {second['three'][0].uri}"


@server.tool
async def careful(ctx: Context) -> str:
    try:
        return str(await ctx.ask(Link("Sign in", "https://example.org/in")))
    except Exception as error:  # noqa: BLE001 # what the test is about: a round is none of a tool's errors
        return f"caught {type(error).__name__}: {error}"


@server.tool
async def link(ctx: Context) -> str:
    return str(await ctx.ask(Link("Sign in", "https://example.org/in")))


@server.tool
async def parts(ctx: Context) -> Any:
    yield "one"
    yield (await ctx.ask(NAME)).content["name"]


@server.tool
def threaded(ctx: Context) -> str:
    return str(asyncio.run(ctx.ask(NAME)))


@server.resource("asked://{id}")
async def asked(id: str, ctx: Context) -> str:
    return f"{id} {(await ctx.ask(NAME)).content['name']}"


@server.prompt
async def prompted(ctx: Context) -> str:
    return f"I am {(await ctx.ask(NAME)).content['name']}"


async def once(
    method: str, params: dict[str, Any], able: Any = ABLE, *, principal: str = "alice", at: float = 100.0
) -> dict[str, Any]:
    """The result of a stateless request, in one round."""
    asked = call(method, {**params, "_meta": {META_CAPABILITIES: able}}, NEW)
    asked = msgspec.structs.replace(asked, principal=principal, at=at)
    answer = await server.catalogue().answer(asked, Heard())
    result: dict[str, Any] = json.loads(answer.payload)
    assert answer.partial == ("input_required" if result["resultType"] == "input_required" else "")
    return result


async def tool(name: str, able: Any = ABLE, **more: Any) -> dict[str, Any]:
    return await once("tools/call", {"name": name, **more}, able)


def back(result: dict[str, Any], **answers: Any) -> dict[str, Any]:
    """What the next request has in addition."""
    return {"requestState": result["requestState"], "inputResponses": answers}


async def refusal(method: str, params: dict[str, Any], able: Any = ABLE, **more: Any) -> CallRefused:
    with pytest.raises(CallRefused) as refused:
        await once(method, params, able, **more)
    return refused.value


async def test_a_stateless_call_ends_with_its_question_and_goes_on_with_the_answer() -> None:
    begun.clear()
    first = await tool("greet")
    assert first["inputRequests"] == {
        "input-1": {
            "method": "elicitation/create",
            "params": {
                "mode": "form",
                "message": "Who are you?",
                "requestedSchema": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
            },
        }
    }
    assert "content" not in first
    second = await tool("greet", **back(first, **{"input-1": ACCEPTED}))
    assert (second["resultType"], text_of(second)) == ("complete", "Hello, Ada!")
    assert begun == ["greet", "greet"]
    declined = await tool("greet", **back(first, **{"input-1": {"action": "decline"}}))
    assert text_of(declined) == "Good bye (decline)."


async def test_answers_of_earlier_rounds_come_back_in_the_state() -> None:
    first = await tool("steps")
    second = await tool("steps", **back(first, one=ACCEPTED))
    assert list(second["inputRequests"]) == ["two", "three"]
    assert second["requestState"] != first["requestState"]
    sampled = {"role": "assistant", "content": {"type": "text", "text": "time"}, "model": "m"}
    half = await tool("steps", **back(second, two=sampled))
    assert list(half["inputRequests"]) == ["three"]
    roots = {"roots": [{"uri": "file:///home"}]}
    assert text_of(await tool("steps", **back(half, three=roots))) == "Ada time file:///home"
    assert text_of(await tool("steps", **back(second, two=sampled, three=roots, other={}))) == "Ada time file:///home"


async def test_a_round_is_not_for_the_function_to_handle() -> None:
    assert (await tool("careful"))["resultType"] == "input_required"


async def test_streams_resources_and_prompts_ask_too() -> None:
    first = await tool("parts")
    done = await tool("parts", **back(first, **{"input-1": ACCEPTED}))
    assert [block["text"] for block in done["content"]] == ["one", "Ada"]
    for method, params, found in (
        ("resources/read", {"uri": "asked://7"}, ("contents", "7 Ada")),
        ("prompts/get", {"name": "prompted"}, ("messages", "I am Ada")),
    ):
        first = await once(method, params)
        assert first["resultType"] == "input_required"
        assert "ttlMs" not in first
        done = await once(method, {**params, **back(first, **{"input-1": ACCEPTED})})
        assert found[1] in json.dumps(done[found[0]])


@pytest.mark.parametrize(
    ("able", "missing"),
    [
        ({}, {"elicitation": {}}),
        ({"elicitation": {"url": {}}}, {"elicitation": {}}),
        ({"sampling": {}}, {"elicitation": {}}),
    ],
)
async def test_only_what_a_client_can_do_is_asked_of_it(able: Any, missing: Any) -> None:
    refused = await refusal("tools/call", {"name": "greet"}, able)
    assert (refused.code, refused.data) == (MISSING_CAPABILITY, {"requiredCapabilities": missing})


async def test_what_a_client_lacks_is_named_all_at_once() -> None:
    assert (await tool("greet", {"elicitation": {}}))["resultType"] == "input_required"
    refused = await refusal("tools/call", {"name": "link"}, {"elicitation": {}})
    assert refused.data == {"requiredCapabilities": {"elicitation": {"url": {}}}}
    first = await tool("steps", {"elicitation": {}})
    refused = await refusal("tools/call", {"name": "steps", **back(first, one=ACCEPTED)}, {"elicitation": {}})
    assert refused.data == {"requiredCapabilities": {"sampling": {}, "roots": {}}}


@pytest.mark.parametrize(
    ("brought", "told"),
    [
        ({"inputResponses": None}, "params.inputResponses must be an object"),
        ({"inputResponses": []}, "params.inputResponses must be an object"),
        ({"inputResponses": {"input-1": 12345}}, "params.inputResponses.input-1 must be an object"),
        ({"inputResponses": {"input-1": {}}}, "the answer to input-1: Object missing required field `action`"),
        ({"inputResponses": {"input-1": {"action": "maybe"}}}, "Invalid enum value 'maybe'"),
        ({"inputResponses": {"input-1": {"action": "accept"}}}, '"name" is a required property'),
        ({"inputResponses": {"input-1": {"action": "accept", "content": {"name": 1}}}}, "content.name: 1 is not of"),
        ({"requestState": "abc"}, "none of this server's"),
        ({"requestState": 7}, "none of this server's"),
    ],
)
async def test_an_answer_that_is_none_is_refused(brought: Any, told: str) -> None:
    refused = await refusal("tools/call", {"name": "greet", **brought})
    assert refused.code == INVALID_PARAMS
    assert told in refused.message


async def test_a_state_goes_on_with_its_own_request_only() -> None:
    first = await tool("greet")
    answered = back(first, **{"input-1": ACCEPTED})
    for params, more in (
        ({"name": "steps"}, {}),
        ({"name": "greet", "arguments": {}}, {}),
        ({"name": "greet"}, {"principal": "bob"}),
        ({"name": "greet"}, {"at": 100.1 + LIFETIME}),
    ):
        refused = await refusal("tools/call", {**params, **answered}, **more)
        assert refused.code == INVALID_PARAMS
    assert "belongs to another" in (await refusal("prompts/get", {"name": "prompted", **answered})).message
    late = await once("tools/call", {"name": "greet", **answered}, at=99.9 + LIFETIME)
    assert late["resultType"] == "complete"


async def test_no_bit_of_a_state_can_be_changed() -> None:
    first = await tool("greet")
    state = first["requestState"]
    for place, character in enumerate(state):
        for bit in range(8):
            changed = state[:place] + chr(ord(character) ^ 1 << bit) + state[place + 1 :]
            broken = {"requestState": changed, "inputResponses": {"input-1": ACCEPTED}}
            assert (await refusal("tools/call", {"name": "greet", **broken})).code == INVALID_PARAMS
    assert text_of(await tool("greet", **back(first, **{"input-1": ACCEPTED}))) == "Hello, Ada!"


async def legacy(name: str, heard: Heard) -> dict[str, Any]:
    asked = call("tools/call", {"name": name}, OLD)
    asked = msgspec.structs.replace(asked, capabilities=ABLE, transport="websocket")
    result: dict[str, Any] = json.loads((await server.catalogue().answer(asked, heard)).payload)
    return result


async def test_in_a_session_the_function_waits_for_the_answer() -> None:
    begun.clear()
    heard = Heard()
    heard.answers = [ACCEPTED]
    assert text_of(await legacy("greet", heard)) == "Hello, Ada!"
    ((key, method, params),) = heard.asked
    assert (key, method, params["message"]) == ("input-1", "elicitation/create", "Who are you?")
    assert "mode" not in params
    assert begun == ["greet"]
    heard.answers = [{"action": "cancel"}]
    assert text_of(await legacy("careful", heard)).startswith("Reply(action='cancel'")
    assert heard.asked[-1][2]["elicitationId"].endswith("/input-1")


async def test_a_function_in_a_thread_cannot_ask() -> None:
    assert text_of(await legacy("threaded", Heard())).startswith("internal error")


async def test_a_question_goes_out_on_a_websocket_and_its_answer_comes_back() -> None:
    async with serving() as served:
        served.tools.server.tool(name="greet")(greet)
        async with served.socket(ready=False) as socket:
            hello = {"protocolVersion": OLD, "capabilities": ABLE, "clientInfo": {"name": "t", "version": "1"}}
            await socket.ask(0, "initialize", hello)
            await socket.send(frame(None, "notifications/initialized"))
            await socket.call(1, "greet")
            question = await socket.receive()
            assert question["method"] == "elicitation/create"
            await socket.send(json.dumps({"jsonrpc": "2.0", "id": question["id"], "result": ACCEPTED}))
            assert (await socket.receive())["result"]["content"][0]["text"] == "Hello, Ada!"
            await socket.call(2, "greet")
            question = await socket.receive()
            error = {"code": -1, "message": "the user said no"}
            await socket.send(json.dumps({"jsonrpc": "2.0", "id": question["id"], "error": error}))
            assert "the user said no" in json.dumps(await socket.receive())
            await socket.call(3, "greet")
            question = await socket.receive()
            await socket.send(frame(None, "notifications/cancelled", {"requestId": 3}))
            withdrawn = await socket.receive()
            assert withdrawn["method"] == "notifications/cancelled"
            assert withdrawn["params"]["requestId"] == question["id"]
        assert [each.key for each in served.recorded(InputWanted)] == ["input-1"] * 3


async def test_a_stateless_request_over_http_takes_two_rounds() -> None:
    async with serving() as served:
        served.tools.server.tool(name="greet")(greet)
        able = {META_CAPABILITIES: ABLE}
        first = (await served.modern(1, "tools/call", {"name": "greet", "_meta": able})).body["result"]
        assert first["resultType"] == "input_required"
        params = {**call_params("greet", able), **back(first, **{"input-1": ACCEPTED})}
        del params["arguments"]
        second = (await served.modern(2, "tools/call", params)).body["result"]
        assert second["content"][0]["text"] == "Hello, Ada!"
        assert [each.partial for each in served.recorded(CallReturned)] == ["input_required", ""]
        refused = await served.modern(3, "tools/call", {"name": "greet"})
        assert (refused.status, refused.code) == (400, MISSING_CAPABILITY)


def test_an_error_of_the_client_has_its_code() -> None:
    assert AskRefused(-1, "no").code == -1
