"""The calls of a recording, each with what came of it."""

from replay.calls import recorded_calls
from replay.position import Position
from tests.replay.live import Live


def test_a_call_is_told_with_its_parameters_and_its_result() -> None:
    live = Live()
    live.open(principal="alice")
    live.initialize()
    live.call(1, text="hello")
    live.returned(1, b'{"content":[1]}')
    (_, call) = recorded_calls(live.reader().records())
    assert (call.principal, call.method, call.name, call.version) == ("alice", "tools/call", "echo", "2025-11-25")
    assert call.params["arguments"] == {"text": "hello"}
    assert call.result == {"result": {"content": [1]}}
    assert isinstance(call.position, Position)


def test_an_error_is_a_result_too() -> None:
    live = Live()
    live.open()
    live.initialize()
    live.call(1)
    live.failed(1)
    *_, call = recorded_calls(live.reader().records())
    assert call.result == {"error": {"code": -32602, "message": "no such tool"}}


def test_calls_that_were_cancelled_refused_or_answered_from_the_cache_are_left_out() -> None:
    live = Live()
    live.open()
    live.initialize()
    for id in (1, 2):
        live.call(id, "add", a=1, b=2)
    live.returned(1)
    live.call(3)
    live.cancel(3)
    live.call(4)
    assert [call.request for call in recorded_calls(live.reader().records())] == [0, 1]
