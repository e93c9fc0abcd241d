from typing import Any

import pytest

from events import codes
from events.decided import StreamEmitted
from events.observed import CallYielded
from replay.replay import verify
from tests.serving import Socket, serving

PROSE = {"prompt": "Generate a Python class", "model": "template", "sampling": {"seed": 7, "max_tokens": 40}}
START = {"type": "completion", "params": PROSE}


async def until_answered(socket: Socket, id: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The notifications before the answer, and the answer."""
    told = []
    while "id" not in (message := await socket.receive()):
        told.append(message)
    assert message["id"] == id
    return told, message


def text(parts: list[dict[str, Any]]) -> str:
    return "".join(part["data"]["text"] for part in parts if "data" in part)


async def test_a_stream_is_told_part_by_part_and_ended_once() -> None:
    async with serving() as served, served.socket() as socket:
        await socket.request(1, "stream/start", START)
        told, answer = await until_answered(socket, 1)
        assert {message["method"] for message in told} == {"notifications/stream/chunk"}
        parts = [message["params"] for message in told]
        assert [part["index"] for part in parts] == list(range(len(parts)))
        assert [part["isFinal"] for part in parts] == [False] * (len(parts) - 1) + [True]
        assert parts[-1]["reason"] == "complete"
        assert {part["streamId"] for part in parts} == {answer["result"]["streamId"]}
        assert text(parts) == answer["result"]["choices"][0]["text"]
        assert answer["result"]["seed"] == 7
        assert all(verdict.holds for verdict in verify(served.log.reader().records()))


async def test_over_http_a_stream_is_a_stream_of_events() -> None:
    async with serving() as served:
        *parts, answer = (await served.modern(1, "stream/start", START)).messages
        assert text([part["params"] for part in parts]) == answer["result"]["choices"][0]["text"]


async def test_a_stream_is_resumed_from_the_log_after_any_part() -> None:
    async with serving() as served:
        *parts, answer = (await served.modern(1, "stream/start", START)).messages
        stream = answer["result"]["streamId"]
        for after in (-1, 0, len(parts) - 2, len(parts) - 1):
            result = (await served.modern(2, "stream/resume", {"streamId": stream, "after": after})).body["result"]
            expected = [{key: value for key, value in part["params"].items() if key != "streamId"} for part in parts]
            assert result["parts"] == expected[after + 1 :]
            assert result["more"] is False


async def test_a_stream_that_is_cancelled_ends_with_a_part_that_says_so() -> None:
    async with serving() as served, served.socket() as socket:
        await socket.request(1, "stream/start", {"type": "completion", "params": {**PROSE, "model": "template"}})
        await served.until(CallYielded)
        await socket.send('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}')
        found = await served.until(StreamEmitted)
        while not found[-1].ended:
            found = await served.until(StreamEmitted, len(found) + 1)
        assert [part.ended for part in found if part.ended] in (["cancelled"], ["complete"])


@pytest.mark.parametrize(
    ("method", "params", "problem"),
    [
        ("stream/start", {}, "params.type must be a string"),
        ("stream/start", {"type": "completions"}, "unknown type of stream: completions; did you mean completion?"),
        ("stream/start", {"type": "completion"}, "params.params"),
        ("stream/start", {"type": "completion", "params": {}}, "params.params.prompt is missing"),
        ("stream/resume", {}, "params.streamId must be a string"),
        ("stream/resume", {"streamId": "x", "after": -2}, "params.after must be an index"),
        ("stream/resume", {"streamId": "x"}, "there is no such stream"),
        ("stream/resume", {"streamId": "x/1"}, "there is no such stream"),
        ("stream/resume", {"streamId": "/1"}, "there is no such stream"),
        ("stream/resume", {"streamId": "x/["}, "there is no such stream"),
    ],
)
async def test_what_is_wrong_is_told(method: str, params: dict[str, Any], problem: str) -> None:
    async with serving() as served, served.socket() as socket:
        await socket.request(1, method, params)
        told, answer = await until_answered(socket, 1)
        assert answer["error"]["code"] == codes.INVALID_PARAMS
        assert problem in answer["error"]["message"]
        assert [message["params"]["reason"] for message in told] == (["error"] if method == "stream/start" else [])


async def test_another_call_of_a_session_is_no_stream() -> None:
    async with serving() as served:
        await served.modern(2, "tools/list")
        (session,) = served.log.reader().sessions()
        assert (await served.modern(3, "stream/resume", {"streamId": f"{session}/2"})).code == codes.INVALID_PARAMS


async def test_streams_can_be_turned_off() -> None:
    async with serving(streaming_enabled=False) as served:
        assert (await served.modern(1, "stream/start", START)).code == codes.METHOD_NOT_FOUND
