import hashlib
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events import codes
from events.event import Observed, Origin
from events.jsonrpc import DEPTH_LIMIT, FRAME_LIMIT, KEPT, VALUE_LIMIT, decode, id_text, malformed
from events.message import Message
from events.observed import (
    CancelReceived,
    Headers,
    MessageMalformed,
    NotificationReceived,
    RequestReceived,
    ResponseReceived,
)
from tests.facts import SESSION, origin, read
from tests.histories import json_values, request_ids

WELL_FORMED = b'{"jsonrpc":"2.0","id":1,"method":"a","params":{"x":%b}}'


def problem(raw: bytes) -> tuple[int, str]:
    fact = read(raw)
    assert isinstance(fact, MessageMalformed)
    return fact.code, fact.problem


def nested(levels: int) -> bytes:
    """A request that is nested so deep, itself and its parameters included."""
    return WELL_FORMED % (b"[" * (levels - 2) + b"]" * (levels - 2))


def test_a_request_has_a_method_and_an_id() -> None:
    raw = b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","_meta":{"a":1}}}'
    headers = Headers("2026-07-28", "tools/call", "echo")
    fact = decode(raw, SESSION, 2.5, headers)
    assert isinstance(fact, RequestReceived)
    assert (fact.origin, fact.headers) == (Origin(SESSION, 7, 2.5), headers)
    message = fact.message
    assert (message.raw, message.method, message.name, message.meta) == (raw, "tools/call", "echo", {"a": 1})


def test_a_notification_has_no_id() -> None:
    fact = read(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
    assert isinstance(fact, NotificationReceived)
    assert fact.origin == origin()
    assert (fact.message.method, fact.message.params, fact.message.meta) == ("notifications/initialized", {}, {})


@pytest.mark.parametrize("target", [1, "1", -(2**63)])
def test_a_cancellation_concerns_the_request_that_it_names(target: int | str) -> None:
    body = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": target}}
    fact = read(json.dumps(body).encode())
    assert isinstance(fact, CancelReceived)
    assert fact.origin.request == target
    assert type(fact.origin.request) is type(target)


@pytest.mark.parametrize("params", [{}, {"requestId": None}, {"requestId": True}, {"requestId": 1.5}, None])
def test_a_cancellation_of_nothing_is_a_notification_like_any_other(params: object) -> None:
    body = {"jsonrpc": "2.0", "method": "notifications/cancelled"} | ({} if params is None else {"params": params})
    assert isinstance(read(json.dumps(body).encode()), NotificationReceived)


@pytest.mark.parametrize("outcome", [b'"result":{}', b'"result":null', b'"error":{"code":1,"message":"no"}'])
def test_a_response_has_an_id_and_either_a_result_or_an_error(outcome: bytes) -> None:
    fact = read(b'{"jsonrpc":"2.0","id":"s1",%b}' % outcome)
    assert isinstance(fact, ResponseReceived)
    assert fact.origin.request == "s1"


NOT_JSON = {
    b"": "not readable as JSON: Input is a zero-length, empty document",
    b'{"jsonrpc":"2.0","id":1': "not readable as JSON: unexpected end of data",
    b'{"jsonrpc":"2.0","id":1,"method":"\xff"}': "not UTF-8: the byte at offset 34 is wrong",
    '{"id":1}'.encode("utf-16"): "not UTF-8: the byte at offset 0 is wrong",
    b'\xef\xbb\xbf{"jsonrpc":"2.0"}': "not JSON: it starts with a byte order mark",
    b'{"jsonrpc":"2.0","id":1,"id":2,"method":"a"}': ("not readable as JSON: the key 'id' appears twice in one object"),
    b'{"jsonrpc":"2.0","id":1,"i\\u0064":2,"method":"a"}': (
        "not readable as JSON: the key 'id' appears twice in one object"
    ),
    WELL_FORMED % b'[{"k":1,"k":1}]': "not readable as JSON: the key 'k' appears twice in one object",
    WELL_FORMED % b"NaN": ("not readable as JSON: unexpected character, expected a JSON value"),
    WELL_FORMED % b"-Infinity": "not readable as JSON: no digit after sign",
    WELL_FORMED % b"1e400": "not readable as JSON: number is infinity when parsed as double",
    WELL_FORMED % b'"\\ud800"': "not readable as JSON: no low surrogate in string",
    WELL_FORMED % b'"\x01"': "not readable as JSON: unexpected control character in string",
    WELL_FORMED % b"1" + b"\0": "not readable as JSON: unexpected content after document",
    WELL_FORMED % b"1" + b"{}": "not readable as JSON: unexpected content after document",
    WELL_FORMED % (b"9" * 4301): "a number has more than 4300 digits",
    b"[" * 100_000: f"not readable as JSON: it is nested deeper than {DEPTH_LIMIT} levels",
    b'{"a":' * 100_000 + b"1" + b"}" * 100_000: f"not readable as JSON: it is nested deeper than {DEPTH_LIMIT} levels",
    nested(DEPTH_LIMIT + 1): f"not readable as JSON: it is nested deeper than {DEPTH_LIMIT} levels",
    WELL_FORMED % (b"[" + b"0," * VALUE_LIMIT + b"0]"): f"not readable as JSON: it has more than {VALUE_LIMIT} values",
}


@pytest.mark.parametrize(("raw", "told"), NOT_JSON.items(), ids=map(str, range(len(NOT_JSON))))
def test_what_no_parser_takes_is_told_in_words(raw: bytes, told: str) -> None:
    code, said = problem(raw)
    assert code == codes.PARSE_ERROR
    assert re.sub(r": line \d+ column \d+ \(char \d+\)$", "", said) == told


NO_MESSAGE = {
    b"[]": "a JSON array is not a message: MCP has no batches; send one message at a time",
    b'[{"jsonrpc":"2.0","id":1,"method":"a"}]': (
        "a JSON array is not a message: MCP has no batches; send one message at a time"
    ),
    **dict.fromkeys((b"null", b"1", b'"a"', b"true"), "a message is a JSON object"),
    **dict.fromkeys(
        (
            b"{}",
            b'{"id":1,"method":"a"}',
            b'{"jsonrpc":"1.0","id":1,"method":"a"}',
            b'{"jsonrpc":2.0,"id":1,"method":"a"}',
        ),
        'the member "jsonrpc" must be "2.0"',
    ),
    b'{"jsonrpc":"2.0","id":1,"method":null}': "the method must be a string, not null",
    b'{"jsonrpc":"2.0","id":1,"method":["a"]}': "the method must be a string, not an array",
    **dict.fromkeys(
        (
            b'{"jsonrpc":"2.0","id":5}',
            b'{"jsonrpc":"2.0"}',
            b'{"jsonrpc":"2.0","result":{}}',
            b'{"jsonrpc":"2.0","id":1,"result":{},"error":{}}',
        ),
        "a message has a method, or an id with either a result or an error",
    ),
}


@pytest.mark.parametrize(("raw", "told"), NO_MESSAGE.items())
def test_what_is_no_message_is_told_in_words(raw: bytes, told: str) -> None:
    assert problem(raw) == (codes.INVALID_REQUEST, told)


@pytest.mark.parametrize(
    ("id", "kind"),
    [
        (b"null", "null"),
        (b"true", "a boolean"),
        (b"false", "a boolean"),
        (b"1.0", "a fractional number"),
        (b"1e3", "a fractional number"),
        (b"9223372036854775808", "a larger integer"),
        (b"18446744073709551616", "a larger integer"),
        (b"-9223372036854775809", "a larger integer"),
        (b'"%b"' % (b"x" * 257), "a longer string"),
        (b"[1]", "an array"),
        (b"{}", "an object"),
    ],
)
def test_an_id_is_a_string_or_an_integer(id: bytes, kind: str) -> None:
    code, told = problem(b'{"jsonrpc":"2.0","id":%b,"method":"a"}' % id)
    assert code == codes.INVALID_REQUEST
    assert told == f"the id must be a string of at most 256 characters or a 64-bit integer, not {kind}"


@pytest.mark.parametrize("params", [b"null", b"[1]", b"1", b'"a"'])
def test_parameters_are_an_object(params: bytes) -> None:
    code, told = problem(b'{"jsonrpc":"2.0","id":1,"method":"a","params":%b}' % params)
    assert code == codes.INVALID_PARAMS
    assert told.startswith("params must be an object, not ")


@pytest.mark.parametrize(
    ("raw", "id"),
    [
        (b'{"jsonrpc":"1.0","id":"a","method":"m"}', "a"),
        (b'{"jsonrpc":"2.0","id":5}', 5),
        (b'{"jsonrpc":"2.0","id":5,"method":"a","params":[]}', 5),
        (b'{"jsonrpc":"2.0","id":true,"method":"a"}', None),
        (b'{"jsonrpc":"2.0","id":1', None),
    ],
)
def test_the_id_of_a_malformed_message_is_echoed_when_it_could_be_read(raw: bytes, id: object) -> None:
    fact = read(raw)
    assert isinstance(fact, MessageMalformed)
    assert fact.origin.request == id


@pytest.mark.parametrize(
    ("raw", "answer"),
    [
        (b'{"jsonrpc":"2.0","id":1,"result":{},"error":{}}', False),
        (b'{"jsonrpc":"2.0","error":{}}', False),
        (b'{"jsonrpc":"2.0","method":"notifications/x","params":[]}', False),
        (b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":null}', False),
        (b'{"jsonrpc":"2.0","id":1,"method":"x","params":[]}', True),
        (b'{"jsonrpc":"2.0","id":1}', True),
        # Not known to be notifications; the first is an example of JSON-RPC 2.0, section 7.
        (b'{"jsonrpc":"2.0","method":1,"params":"bar"}', True),
        (b'{"jsonrpc":"1.0","method":"notifications/x"}', True),
        (b'{"jsonrpc":"2.0","id":null,"method":"notifications/x"}', True),
        (b"{", True),
    ],
)
def test_an_error_is_owed_for_everything_but_a_malformed_answer_or_notification(raw: bytes, answer: bool) -> None:
    fact = read(raw)
    assert isinstance(fact, MessageMalformed)
    assert fact.answer is answer


def test_a_malformed_message_is_kept_with_its_digest_and_length() -> None:
    fact = read(b"{oops")
    assert isinstance(fact, MessageMalformed)
    assert (fact.frame, fact.length, fact.digest) == (b"{oops", 5, hashlib.sha256(b"{oops").digest())


def test_of_a_long_malformed_message_only_digest_and_length_are_kept() -> None:
    for length, kept in ((KEPT, KEPT), (KEPT + 1, 0)):
        raw = b"[" * length
        fact = malformed(raw, origin(), codes.PARSE_ERROR, "")
        assert (len(fact.frame), fact.length, fact.digest) == (kept, length, hashlib.sha256(raw).digest())


def test_ten_million_digits_cost_next_to_nothing_and_are_not_kept() -> None:
    raw = WELL_FORMED % (b"9" * 10_000_000)
    fact = read(raw)
    assert isinstance(fact, MessageMalformed)
    told = f"the message has {len(raw)} bytes; at most {FRAME_LIMIT} are read"
    assert (fact.code, fact.problem, fact.frame) == (codes.INVALID_REQUEST, told, b"")
    assert fact.digest == hashlib.sha256(raw).digest()


def test_a_message_may_be_as_long_as_the_limit() -> None:
    raw = WELL_FORMED % b'"%b"' % (b"a" * (FRAME_LIMIT - len(WELL_FORMED % b'""')))
    assert len(raw) == FRAME_LIMIT
    assert isinstance(read(raw), RequestReceived)
    assert problem(raw.replace(b'"a"', b'"aa"'))[0] == codes.INVALID_REQUEST


def test_a_message_may_be_nested_as_deep_as_the_limit() -> None:
    assert isinstance(read(nested(DEPTH_LIMIT)), RequestReceived)


def test_brackets_in_strings_nest_nothing() -> None:
    text = json.dumps('["\\' * 100 + "[{" * 100)
    assert isinstance(read(WELL_FORMED % text.encode()), RequestReceived)


def test_digits_in_strings_are_no_number() -> None:
    text = b'"%b"' % (b"9" * 5000)
    assert isinstance(read(WELL_FORMED % text), RequestReceived)
    assert problem((WELL_FORMED % text)[:-1])[1].startswith("not readable as JSON: ")


@pytest.mark.parametrize("number", [2**53 + 1, 2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**300 + 7])
def test_integers_of_any_size_are_exact(number: int) -> None:
    fact = read(WELL_FORMED % str(number).encode())
    assert isinstance(fact, RequestReceived)
    assert fact.message.params == {"x": number}
    assert type(fact.message.params["x"]) is int


def test_an_integer_that_cannot_be_read_is_refused_and_not_rounded() -> None:
    assert problem(WELL_FORMED % str(10**400).encode())[0] == codes.PARSE_ERROR


@pytest.mark.parametrize(
    "raw",
    [
        b' {\n "jsonrpc" : "2.0",\t"id":1, "method":"a" }\r\n',
        b'{"method":"a","id":1,"jsonrpc":"2.0","more":{"b":1.0,"a":1,"c":1e2,"d":-0,"e":"\\u0041\\/"}}',
        '{"jsonrpc":"2.0","id":"\u00e9\u20ac\U0001f600","method":"a"}'.encode(),
        b'{"jsonrpc":"2.0","id":1,"method":"a","params":{"x":123456789012345678901234567890}}',
    ],
)
def test_the_bytes_of_a_message_are_kept_as_they_came(raw: bytes) -> None:
    fact = read(raw)
    assert isinstance(fact, RequestReceived)
    assert fact.message.raw == raw
    assert Message(raw).body == fact.message.body == json.loads(raw)


@given(st.binary(max_size=200))
def test_no_bytes_raise(raw: bytes) -> None:
    assert isinstance(read(raw), MessageMalformed | NotificationReceived)  # which Hypothesis finds, given time


@given(request_ids, json_values, st.data())
def test_a_damaged_message_raises_nothing(id: object, value: object, data: st.DataObject) -> None:
    raw = json.dumps({"jsonrpc": "2.0", "id": id, "method": "a", "params": {"x": value}}).encode()
    place = data.draw(st.integers(0, len(raw)))
    cut = data.draw(st.integers(0, 3))
    assert isinstance(read(raw[:place] + data.draw(st.binary(max_size=3)) + raw[place + cut :]), Observed)


@given(request_ids, json_values)
def test_what_was_sent_is_what_is_read(id: object, value: Any) -> None:
    body = {"jsonrpc": "2.0", "id": id, "method": "a", "params": {"x": value}}
    for raw in (json.dumps(body).encode(), json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()):
        fact = read(raw)
        assert isinstance(fact, RequestReceived)
        assert fact.message.body == body
        assert (fact.origin.request, type(fact.origin.request)) == (id, type(id))
        assert json.loads(id_text(fact.origin.request)) == id


def test_an_id_is_written_as_it_was_read() -> None:
    assert [id_text(id) for id in (1, -1, "1", "\u00e9\n", None)] == [
        b"1",
        b"-1",
        b'"1"',
        '"\u00e9\\n"'.encode(),
        b"null",
    ]
