"""Events and whole histories, made up by Hypothesis from the classes themselves: a new class needs nothing here."""

import inspect
import json
from types import ModuleType, NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st
from msgspec.structs import replace

from events import decided, observed
from events.event import Decided, Event, Observed, Origin, RequestId, Step
from events.message import Message
from operators.policy import CacheRule, Limit, Policy
from tests.facts import (
    OTHER,
    SESSION,
    cancelled,
    closed,
    failed,
    hit,
    left,
    logged,
    message,
    missed,
    modern,
    opened,
    origin,
    permitted,
    progressed,
    read,
    refused,
    request,
    returned,
    yielded,
)


def _classes(module: ModuleType, kind: type[Event]) -> tuple[type[Event], ...]:
    found = (each for _, each in inspect.getmembers(module, inspect.isclass))
    return tuple(each for each in found if issubclass(each, kind) and each is not kind)


OBSERVED = _classes(observed, Observed)
DECIDED = _classes(decided, Decided)
EVENTS = (*OBSERVED, *DECIDED)

POLICY = Policy(
    limits=(Limit("calls", "session", per_second=1, burst=1),),
    cache=(CacheRule("tools/call", "add", 60.0), CacheRule("tools/list", "", 60.0, public=True)),
    extensions=("batch", "stream/start"),
)

texts = st.text(max_size=8)
integers = st.integers(-(2**63), 2**63 - 1)
numbers = st.floats(allow_nan=False, allow_infinity=False)
request_ids = st.one_of(st.integers(1, 3), integers, texts)
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), integers, numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=3,
)
objects = st.dictionaries(texts, json_values, max_size=2)


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a field's type, within what the log can hold."""
    known: dict[Any, st.SearchStrategy[Any]] = {
        str: texts,
        int: integers,
        float: numbers,
        bool: st.booleans(),
        bytes: st.binary(max_size=40),
        object: json_values,
        NoneType: st.none(),
        Message: objects.map(lambda body: Message(json.dumps(body).encode())),
    }
    if hint in known:
        return known[hint]
    arguments = get_args(hint)
    match get_origin(hint):
        case origin if origin in (Union, UnionType):
            return st.one_of([values(each) for each in arguments])
        case origin if origin is Literal:
            return st.sampled_from(arguments)
        case origin if origin is dict:
            return st.dictionaries(*(values(each) for each in arguments), max_size=2)
        case origin if origin is tuple and arguments[1:] == (...,):
            return st.lists(values(arguments[0]), max_size=3).map(tuple)
        case origin if origin is tuple:
            return st.tuples(*(values(each) for each in arguments))
    return structs(hint)


def structs(kind: Any) -> st.SearchStrategy[Any]:
    hints = get_type_hints(kind)
    return st.builds(kind, *(values(hints[name]) for name in kind.__struct_fields__))


def events_of(kind: type[Event], session: str = SESSION) -> st.SearchStrategy[Any]:
    """Events of one class, with all that its fields can hold."""
    hints = get_type_hints(kind)
    begun = st.builds(Origin, st.just(session), st.none() | request_ids, st.floats(0, 2e9))
    return st.builds(kind, begun, *(values(hints[name]) for name in kind.__struct_fields__[1:]))


@st.composite
def steps(draw: st.DrawFn) -> Step:
    """A fact with decisions, whatever they are; they have its time."""
    fact: Observed = draw(st.sampled_from(OBSERVED).flatmap(events_of))
    decisions = draw(st.lists(st.sampled_from(DECIDED).flatmap(events_of), max_size=4))
    moved = (type(each)(Origin(SESSION, each.origin.request, fact.origin.at), *_rest(each)) for each in decisions)
    return Step(fact, tuple(moved))


def _rest(event: Event) -> list[Any]:
    return [getattr(event, name) for name in event.__struct_fields__[1:]]


_PARAMS: tuple[dict[str, Any], ...] = (
    {},
    {"name": "add", "arguments": {"a": 1}, "_meta": {"progressToken": 1}},
    {"name": "echo", "_meta": {"progressToken": "t"}},
    {"protocolVersion": "2025-11-25", "level": "debug", "clientInfo": {"name": "made up"}},
)
_METHODS = ("initialize", "ping", "tools/list", "tools/call", "logging/setLevel", "no/such", "server/discover")
_REQUESTS = tuple(make(1, method, params) for make in (request, modern) for method in _METHODS for params in _PARAMS)
_CALLS = tuple(make(1, "tools/call", params) for make in (request, modern) for params in _PARAMS[1:3])
_OTHERS: tuple[Observed, ...] = (
    cancelled(1),
    left(1),
    returned(1, b'{"content":[]}'),
    returned(1, b"{}", is_error=True),
    failed(1),
    yielded(1),
    progressed(1, 1.0),
    progressed(1, 2.0),
    logged(1, "debug"),
    logged(1, "error"),
    permitted(1),
    refused(1),
    hit(1, b'{"content":[]}'),
    missed(1),
    read(b"{"),
    read(b'{"jsonrpc":"2.0","method":"notifications/initialized"}'),
    read(b'{"jsonrpc":"2.0","id":1,"result":{}}'),
    observed.RequestOverflowed(origin(1), message(1, "tools/list"), 1, 1.0),
)
_OPENING = request(1, "initialize", {"protocolVersion": "2025-11-25"})
_IDS: tuple[RequestId, ...] = (1, 2, "1")
_kinds = st.one_of(st.sampled_from(_CALLS), st.sampled_from(_OTHERS), st.sampled_from((*_REQUESTS, *_OTHERS)))
_pauses = st.sampled_from([0.0, 0.001, 1.0])


@st.composite
def histories(draw: st.DrawFn, sessions: tuple[str, ...] = (SESSION, OTHER), most: int = 30) -> list[Observed]:
    """What could come in: sessions that alternate, sense and nonsense, time that does not go back."""
    now, made = 1000.0, list[Observed]()
    for session in sessions:
        made += [opened(now, session, policy=POLICY), replace(_OPENING, origin=origin(1, now, session))]
    drawn = st.tuples(_kinds, st.sampled_from(sessions), st.sampled_from(_IDS), _pauses, st.integers(0, 30))
    for fact, session, id, pause, chance in draw(st.lists(drawn, max_size=most)):
        now += pause
        made.append(replace(fact, origin=origin(id if fact.origin.request is not None else None, now, session)))
        if chance == 30:
            made += [closed(now, session), opened(now, session, policy=POLICY)]
    return [*made, *(closed(now, session) for session in sessions)]
