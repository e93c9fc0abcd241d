from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.otel_spans import Span, Spans, parse_parent
from events.event import Observed
from operators.measure import NoMeter
from operators.policy import Policy
from pipeline.chain import chain
from pipeline.journal import Recorded
from tests.facts import cancelled, closed, failed, message, modern, opened, request, returned
from tests.passing import steps_of

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TRACE, SPAN = 0x4BF92F3577B34DA6A3CE929D0E0E4736, 0x00F067AA0BA902B7


def initialize(at: float = 0.0) -> Observed:
    params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    return request(0, "initialize", params, at=at)


def call(id: Any, at: float = 1.0, name: str = "echo", **meta: Any) -> Observed:
    return request(id, "tools/call", {"name": name, "arguments": {"text": "payload"}, "_meta": meta}, at=at)


def session(*facts: Observed, ratio: float = 1.0) -> dict[str, Span]:
    """The spans of a session in which this happened, by name."""
    history = [opened(), initialize(), returned(0, b'{"capabilities":{}}'), *facts, closed(at=9.0)]
    found: list[Span] = []
    spans = Spans(found.append, ratio)
    for step in steps_of(chain(Policy(), NoMeter()), *history):
        spans.on_recorded(Recorded(1, [step]))
    assert not spans._sessions
    assert len({span.context.span for span in found}) == len(found)
    assert "payload" not in repr(found)
    return {span.name: span for span in found}


def test_a_session_a_request_and_a_tool_call_are_spans_of_one_trace() -> None:
    spans = session(call(1), returned(1, at=1.5))
    whole, asked, tool = spans["mcp.session"], spans["tools/call echo"], spans["execute_tool echo"]
    assert {span.context.trace for span in spans.values()} == {whole.context.trace}
    assert (whole.parent, asked.parent, tool.parent) == (None, whole.context, asked.context)
    assert [(span.start, span.end) for span in (whole, asked, tool)] == [(0.0, 9.0), (1.0, 1.5), (1.0, 1.5)]
    assert [span.server for span in (whole, asked, tool)] == [False, True, False]
    assert not asked.failed
    assert asked.attributes == {
        "mcp.method.name": "tools/call",
        "mcp.session.id": "01890a5d-ac96-774b-bcce-b302099a8057",
        "mcp.protocol.version": "2025-11-25",
        "jsonrpc.request.id": "1",
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "echo",
        "network.transport": "tcp",
        "network.protocol.name": "websocket",
        "mcp_rewind.outcome": "ok",
    }
    assert whole.attributes["mcp_rewind.requests"] == 2


def test_a_request_hangs_where_the_client_says_and_points_to_its_session() -> None:
    spans = session(call(1, traceparent=PARENT, tracestate="rojo=1"), returned(1, at=1.5))
    asked, tool = spans["tools/call echo"], spans["execute_tool echo"]
    assert asked.parent is not None
    assert (asked.parent.trace, asked.parent.span, asked.parent.remote) == (TRACE, SPAN, True)
    assert asked.link == spans["mcp.session"].context
    assert (asked.context.trace, asked.context.state) == (TRACE, "rojo=1")
    assert (tool.context.trace, tool.parent) == (TRACE, asked.context)


def test_a_trace_that_the_client_does_not_sample_is_not_exported() -> None:
    spans = session(call(1, traceparent=PARENT[:-1] + "0"), returned(1))
    assert set(spans) == {"mcp.session", "initialize"}


def test_a_share_of_the_traces_is_exported() -> None:
    assert session(call(1), returned(1), ratio=0.0) == {}
    assert set(session(call(1, traceparent=PARENT), returned(1), ratio=0.0)) == {"tools/call echo", "execute_tool echo"}


def test_errors_are_told_by_code_and_by_the_name_of_the_code() -> None:
    spans = session(call(1), failed(1, -32602, "the text says payload", at=1.5))
    asked, tool = spans["tools/call echo"], spans["execute_tool echo"]
    assert (asked.failed, asked.problem) == (True, "invalid params")
    assert asked.attributes["error.type"] == asked.attributes["rpc.response.status_code"] == "-32602"
    assert asked.attributes["mcp_rewind.outcome"] == "error"
    assert (tool.failed, tool.attributes["error.type"]) == (True, "-32602")


def test_a_tools_own_error_is_an_error_too() -> None:
    spans = session(call(1), returned(1, at=1.5, is_error=True))
    for name in ("tools/call echo", "execute_tool echo"):
        assert (spans[name].failed, spans[name].attributes["error.type"]) == (True, "tool_error")
    assert "rpc.response.status_code" not in spans["tools/call echo"].attributes


def test_a_cancelled_request_is_no_error() -> None:
    asked = session(call(1), cancelled(1, at=2.0))["tools/call echo"]
    assert (asked.failed, asked.end, asked.attributes["mcp_rewind.outcome"]) == (False, 2.0, "cancelled")


def test_a_request_that_is_open_when_its_session_closes_ends_with_it() -> None:
    assert session(call(1))["tools/call echo"].end == 9.0


def test_a_method_that_the_client_made_up_is_no_name_of_a_span() -> None:
    spans = session(request(1, "made/up", at=1.0))
    assert spans["_OTHER"].attributes["mcp.method.name"] == "made/up"


def test_prompts_and_resources_are_told_as_the_conventions_say() -> None:
    prompt = request(1, "prompts/get", {"name": "review"}, at=1.0)
    resource = request(2, "resources/read", {"uri": "file:///x"}, at=1.0)
    spans = session(prompt, returned(1), resource, returned(2))
    assert spans["prompts/get review"].attributes["gen_ai.prompt.name"] == "review"
    assert spans["resources/read"].attributes["mcp.resource.uri"] == "file:///x"
    assert not [name for name in spans if name.startswith("execute_tool")]


def test_a_stateless_request_has_the_version_of_its_own_metadata() -> None:
    found: list[Span] = []
    spans = Spans(found.append)
    history = [opened(), modern(1, "tools/list", at=1.0), returned(1, at=2.0), closed(at=3.0)]
    spans.on_recorded(Recorded(1, steps_of(chain(Policy(), NoMeter()), *history)))
    assert found[0].attributes["mcp.protocol.version"] == "2026-07-28"


def test_the_same_recording_gives_the_same_spans() -> None:
    facts = (call(1), returned(1, at=1.5), call("1", at=2.0), returned("1", at=3.0))
    assert session(*facts) == session(*facts)


def test_what_began_before_anybody_followed_is_left_out() -> None:
    found: list[Span] = []
    spans = Spans(found.append)
    history = [opened(), initialize(), returned(0), call(1), returned(1), closed()]
    for step in steps_of(chain(Policy(), NoMeter()), *history)[1:]:
        spans.on_recorded(Recorded(1, [step]))
    assert found == []


@pytest.mark.parametrize(
    "given",
    [
        None,
        1,
        "",
        PARENT[:-1],
        PARENT + "0",
        PARENT + "-more",
        PARENT.upper(),
        PARENT.replace("00-4", "ff-4"),
        PARENT.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32),
        PARENT.replace("00f067aa0ba902b7", "0" * 16),
        f"{PARENT}\n",
    ],
)
def test_a_malformed_traceparent_is_as_if_it_were_not_there(given: object) -> None:
    assert parse_parent({"traceparent": given}) is None


def test_a_traceparent_of_a_later_version_is_read_as_far_as_it_is_known() -> None:
    found = parse_parent({"traceparent": PARENT.replace("00-4", "01-4") + "-more", "tracestate": 5})
    assert found is not None
    assert (found.trace, found.span, found.sampled, found.state) == (TRACE, SPAN, True, "")


@given(st.text() | st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", fullmatch=True))
def test_any_text_is_a_place_in_a_trace_or_none(given_: str) -> None:
    found = parse_parent({"traceparent": given_})
    assert found is None or (0 < found.trace < 2**128 and 0 < found.span < 2**64)


def test_a_request_that_came_while_the_server_was_full_has_a_span() -> None:
    from events.observed import RequestOverflowed
    from tests.facts import origin

    spans = session(RequestOverflowed(origin(5, 1.0), message(5, "tools/call", {"name": "echo"}), 9, 1.0))
    assert spans["tools/call"].attributes["rpc.response.status_code"] == "-31001"
