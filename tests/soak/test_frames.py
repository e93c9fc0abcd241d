"""What the campaign with strange frames stands on: frames that can be made again, and a second opinion on each."""

import random
import time

import pytest

from events.jsonrpc import FRAME_LIMIT, decode
from events.observed import MessageMalformed
from soak import wire
from soak.mutate import HUGE, Mutator
from soak.oracle import disagreement, same

CALL = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":%b}}}'


def test_the_same_seed_makes_the_same_frames() -> None:
    one, other = (Mutator(random.Random(7)) for _ in range(2))
    assert [one.frame() for _ in range(300)] == [other.frame() for _ in range(300)]


@pytest.mark.parametrize("text", [b'{"a":1,"a":1}', b"NaN", b'"\\ud800"', b"1e400", b"01", b"'a'"])
def test_what_is_no_json_is_noticed_when_it_is_taken_for_a_request(text: bytes) -> None:
    honest = decode(CALL % b"1", "s", 1.0)
    assert disagreement(CALL % text, honest)
    assert disagreement(CALL % text, decode(CALL % text, "s", 1.0)) is None


def test_a_rounded_integer_is_noticed() -> None:
    rounded = decode(CALL % b"12345678901234567000", "s", 1.0)
    assert disagreement(CALL % b"12345678901234567001", rounded) == "the values differ"


def test_a_message_that_is_refused_without_a_reason_is_noticed() -> None:
    refused = decode(b"{", "s", 1.0)
    assert isinstance(refused, MessageMalformed)
    assert "no reason" in (disagreement(CALL % b"1", refused) or "")


@pytest.mark.parametrize(("one", "other"), [(1, 1.0), (1, True), (0.0, -0.0), ([1], [1, 2]), ({"a": 1}, {"b": 1})])
def test_values_that_python_takes_for_the_same_are_not(one: object, other: object) -> None:
    assert not same(one, other)
    assert same(one, one)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
def test_a_websocket_frame_is_cut_where_it_was_put_together(size: int) -> None:
    payload = bytes(range(256)) * (size // 256) + bytes(size % 256)
    masked = wire.frame(payload)
    head = len(masked) - size - 4
    mask = masked[head : head + 4]
    unmasked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(masked[head + 4 :]))
    sent = bytes((masked[0], masked[1] & 0x7F)) + masked[2:head] + unmasked
    assert list(wire.take_frames(sent + b"\x81")) == [(wire.TEXT, payload, len(sent))]


@pytest.mark.parametrize("part", HUGE, ids=lambda part: repr(part[:20]))
def test_no_message_takes_long_to_read(part: bytes) -> None:
    text = b"[" + part * ((FRAME_LIMIT - 200) // len(part)) + b"1]"
    if not part.endswith(b","):
        text = b' "' + text.replace(b"[", b"").replace(b"]", b"") + b'"'
    began = time.thread_time()
    decode(CALL % text, "s", 1.0)
    assert time.thread_time() - began < 0.5  # a tenth of that mostly; looking for long numbers once took 27 s
