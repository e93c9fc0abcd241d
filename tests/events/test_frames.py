import json
from typing import Any

import pytest

from events.decided import (
    ChunkEmitted,
    ClientAsked,
    ErrorReady,
    ListChangeEmitted,
    LogEmitted,
    ProgressEmitted,
    QuestionWithdrawn,
    RequestCancelled,
    ResponseReady,
    StreamEmitted,
    SubscriptionOpened,
    TaskEmitted,
    UpdateEmitted,
)
from events.event import Decided, Observed
from events.frames import CHUNK_META, OUTGOING, error_frame, frame
from events.observed import InputWanted, ListChanged, MessageLogged, ProgressReported, ResourceChanged, TaskChanged
from tests.facts import failed, hit, logged, missed, origin, returned, yielded
from tests.histories import DECIDED

EXACT = b'{"b":1.0,"a":1,"big":123456789012345678901234567890,"a b":"\\u0041"}'


def sent(decision: Decided, fact: Observed) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(frame(decision, fact))
    assert body.pop("jsonrpc") == "2.0"
    return body


@pytest.mark.parametrize("fact", [returned(1, EXACT), hit(1, EXACT)])
def test_a_result_goes_out_byte_for_byte(fact: Observed) -> None:
    assert frame(ResponseReady(origin(1)), fact) == b'{"jsonrpc":"2.0","id":1,"result":%b}' % EXACT


def test_a_result_of_the_chains_own_goes_out() -> None:
    assert sent(ResponseReady(origin("a"), b"{}"), missed("a")) == {"id": "a", "result": {}}


@pytest.mark.parametrize("id", [1, -5, 2**63 - 1, "1", "", '\u00e9"\n', None])
def test_an_answer_has_the_id_of_its_request(id: int | str | None) -> None:
    body = sent(ErrorReady(origin(id), -32600, "no"), failed(1))
    assert (body["id"], type(body["id"])) == (id, type(id))
    assert body["error"] == {"code": -32600, "message": "no"}


def test_an_error_may_have_data() -> None:
    data: dict[str, object] = {"supported": ["2026-07-28"], "retryAfter": 0.75, "none": None}
    assert sent(ErrorReady(origin(1), -1, "no", data), failed(1))["error"]["data"] == data
    assert json.loads(error_frame(b"null", -1, "no", {}))["error"] == {"code": -1, "message": "no", "data": {}}


def test_a_part_of_a_result_goes_out_as_progress() -> None:
    block = b'{"type":"text","text":"one","n":1.0}'
    raw = frame(ChunkEmitted(origin(1), "t", 3), yielded(1, block))
    assert block in raw
    assert json.loads(raw)["method"] == "notifications/progress"
    assert json.loads(raw)["params"] == {
        "progressToken": "t",
        "progress": 3,
        "message": "one",
        "_meta": {CHUNK_META: json.loads(block)},
    }


def test_a_part_without_text_has_no_message() -> None:
    block = b'{"type":"image","data":"AAAA","mimeType":"image/png"}'
    assert "message" not in sent(ChunkEmitted(origin(1), 7, 1), yielded(1, block))["params"]


@pytest.mark.parametrize(
    ("fact", "params"),
    [
        (ProgressReported(origin(1), 0.5, 2.0, "half"), {"progress": 0.5, "total": 2.0, "message": "half"}),
        (ProgressReported(origin(1), 3.0, None, ""), {"progress": 3.0}),
    ],
)
def test_progress_goes_out_under_the_clients_token(fact: ProgressReported, params: dict[str, Any]) -> None:
    assert sent(ProgressEmitted(origin(1), 7), fact)["params"] == {"progressToken": 7, **params}


def test_a_log_message_goes_out_with_its_data_as_it_is() -> None:
    fact = MessageLogged(origin(1), "warning", "db", EXACT)
    raw = frame(LogEmitted(origin(1)), fact)
    assert b'"data":' + EXACT in raw
    assert sent(LogEmitted(origin(1)), fact) == {
        "method": "notifications/message",
        "params": {"level": "warning", "logger": "db", "data": json.loads(EXACT)},
    }
    assert "logger" not in sent(LogEmitted(origin(1)), MessageLogged(origin(1), "info", "", b"1"))["params"]


def test_of_a_resource_that_changed_it_is_told_which() -> None:
    assert sent(UpdateEmitted(origin(None)), ResourceChanged(origin(None), "workspace://a.py")) == {
        "method": "notifications/resources/updated",
        "params": {"uri": "workspace://a.py"},
    }


def test_no_frame_has_a_line_break_in_it() -> None:
    """On stdio a line is a message."""
    text = b'{"type":"text","text":"a\\nb"}'
    for decision, fact in (
        (ChunkEmitted(origin(1), "a\nb", 1), yielded(1, text)),
        (ErrorReady(origin("a\nb"), 1, "a\nb", {"a\nb": "a\nb"}), failed(1)),
        (LogEmitted(origin(1)), logged(1, "info")),
    ):
        assert b"\n" not in frame(decision, fact)


def test_only_what_a_client_is_to_hear_goes_out() -> None:
    told = {ChunkEmitted, StreamEmitted, ProgressEmitted, LogEmitted, UpdateEmitted, ListChangeEmitted, TaskEmitted}
    assert {ResponseReady, ErrorReady, SubscriptionOpened, ClientAsked, QuestionWithdrawn, *told} == OUTGOING
    assert set(DECIDED) > OUTGOING
    with pytest.raises(KeyError):
        frame(RequestCancelled(origin(1), ""), missed(1))


def test_a_part_of_a_stream_goes_out_as_it_was_given() -> None:
    part = frame(StreamEmitted(origin(1), "s/1", 3), yielded(1, EXACT))
    assert EXACT in part
    assert json.loads(part)["method"] == "notifications/stream/chunk"
    assert sent(StreamEmitted(origin(1), "s/1", 3), yielded(1, b'{"type":"text","text":"a"}'))["params"] == {
        "streamId": "s/1",
        "index": 3,
        "isFinal": False,
        "data": {"type": "text", "text": "a"},
    }


def test_the_part_that_ends_a_stream_says_why() -> None:
    body = sent(StreamEmitted(origin(1), "s/1", 3, "error"), failed(1))
    assert body["params"] == {"streamId": "s/1", "index": 3, "isFinal": True, "reason": "error"}


def test_a_question_is_a_request_of_ours_with_the_parameters_as_they_are() -> None:
    sent_ = frame(ClientAsked(origin(1), "ask-1", "k"), InputWanted(origin(1), "k", "roots/list", EXACT))
    assert EXACT in sent_
    assert json.loads(sent_)["id"] == "ask-1"
    assert json.loads(sent_)["method"] == "roots/list"
    withdrawn = sent(QuestionWithdrawn(origin(1), "ask-1"), returned(1))
    assert withdrawn["method"] == "notifications/cancelled"
    assert withdrawn["params"]["requestId"] == "ask-1"


@pytest.mark.parametrize("id", [7, "7"])
def test_what_is_told_on_a_subscription_names_it(id: Any) -> None:
    meta = {"_meta": {"io.modelcontextprotocol/subscriptionId": id}}
    opened = sent(SubscriptionOpened(origin(id), ("tools",), ("x://y",)), missed(id))
    honoured = {"toolsListChanged": True, "resourceSubscriptions": ["x://y"]}
    assert opened == {
        "method": "notifications/subscriptions/acknowledged",
        "params": {"notifications": honoured, **meta},
    }
    changed = sent(ListChangeEmitted(origin(id)), ListChanged(origin(None), "tools"))
    assert changed == {"method": "notifications/tools/list_changed", "params": meta}
    updated = sent(UpdateEmitted(origin(id)), ResourceChanged(origin(None), "x://y"))
    assert updated == {"method": "notifications/resources/updated", "params": {"uri": "x://y", **meta}}
    task = sent(TaskEmitted(origin(id)), TaskChanged(origin(None), "t", b'{"taskId":"t","status":"working"}'))
    assert task == {"method": "notifications/tasks", "params": {"taskId": "t", "status": "working", **meta}}
    plain = sent(ListChangeEmitted(origin(None)), ListChanged(origin(None), "prompts"))
    assert plain == {"method": "notifications/prompts/list_changed", "params": {}}
