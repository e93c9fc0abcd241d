"""Rows for the log, as a busy server makes them: many sessions, and an echo call in two records each."""

import os
from collections.abc import Iterator
from itertools import count

from bench import wire
from events.decided import CallDispatched, ResponseReady
from events.event import Origin, SessionId, Step
from events.message import Message
from events.observed import CallReturned, RequestReceived
from events.record import pack
from pipeline.log import Row

EVENTS_A_ROW = 2


def session_id(milliseconds: int) -> SessionId:
    """A UUIDv7 of that moment."""
    chance = int.from_bytes(os.urandom(10), "big")
    bits = milliseconds << 80 | 7 << 76 | (chance >> 68 & 0xFFF) << 64 | 2 << 62 | chance & (1 << 62) - 1
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def echo_rows(sessions: int, at: float = 1.8e9) -> Iterator[Row]:
    """Rows without an end, of so many sessions in turn: a call in one record, its answer in the session's next."""
    streams = [session_id(int(at * 1000) + number) for number in range(sessions)]
    for number in count():
        version = number // sessions * 2
        session = streams[number % sessions]
        origin = Origin(session, wire.FIRST_ID + number, at + number / 10_000)
        yield Row(session, version + 1, pack([asked(origin, number)]))
        yield Row(session, version + 2, pack([answered(origin, number)]))


def asked(origin: Origin, number: int) -> Step:
    request = Message(wire.call(wire.FIRST_ID + number, modern=False))
    return Step(RequestReceived(origin, request), (CallDispatched(origin, "tools/call", "echo", "2025-11-25"),))


def answered(origin: Origin, number: int) -> Step:
    text = wire.text_of(number)
    result = b'{"content":[{"type":"text","text":"%b"}],"structuredContent":{"result":"%b"},"isError":false}'
    return Step(CallReturned(origin, result % (text, text)), (ResponseReady(origin),))
