"""Between steps and stored rows.

A row is a *record*: the steps of one session that were committed together, as one msgpack array. Each step is a flat
array of a tag and its values, the fact first, then the decisions. The tag is the class's name in a closed table, so
that a stored row can never import code. Of an origin only what the row does not say already is stored: a decision has
the time of its fact.
"""

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any, Final, get_type_hints

import msgspec

from events import decided, observed
from events.event import Decided, Event, Observed, Origin, SessionId, Step
from events.message import Message
from events.told import stored

TOPIC: Final = "record/1"
"""What the log calls a row in this format."""

Values = tuple[Any, ...]


class UnreadableRecord(ValueError):
    """A stored row is no record: damaged, or written by a later version."""


_DAMAGE: Final = (msgspec.MsgspecError, LookupError, TypeError, ValueError, AttributeError, RecursionError)
"""What reading a row that is none can raise."""


class _Shape:
    """How one class of event is taken apart and put together."""

    def __init__(self, event: type[Event]) -> None:
        hints = get_type_hints(event)
        fields = event.__struct_fields__[1:]
        self.event = event
        self.fact = issubclass(event, Observed)
        head = ["origin.request", "origin.at"] if self.fact else ["origin.request"]
        self.values: Callable[[Any], Values] = _tuple_getter(
            *head, *(f"{field}.raw" if hints[field] is Message else field for field in fields)
        )
        stored: list[Any] = [(field, bytes if hints[field] is Message else hints[field]) for field in fields]
        if defaults := event.__struct_defaults__:
            late = zip(stored[-len(defaults) :], defaults, strict=True)
            stored[-len(defaults) :] = [(*field, default) for field, default in late]
        head_types: list[Any] = [("request", str | int | None), ("at", float)]
        self.row = msgspec.defstruct(
            event.__name__, [*head_types[: len(head)], *stored], array_like=True, frozen=True, gc=False
        )
        self.rest = _tuple_getter(*fields) if fields else _nothing
        self.message = next((index for index, field in enumerate(fields) if hints[field] is Message), None)

    def build(self, session: SessionId, values: list[Any], at: float) -> Event:
        """Make the event again. A row older than a field takes the field's default."""
        row: Any = msgspec.convert(values, self.row)
        rest = self.rest(row)
        if (index := self.message) is not None:
            rest = (*rest[:index], Message(rest[index]), *rest[index + 1 :])
        return self.event(Origin(session, row.request, row.at if self.fact else at), *rest)


def _nothing(_row: object) -> Values:
    return ()


def _tuple_getter(*names: str) -> Callable[[Any], Values]:
    if len(names) > 1:
        return attrgetter(*names)
    get = attrgetter(*names)
    return lambda event: (get(event),)


def _classes(module: object, kind: type[Event]) -> Iterable[type[Event]]:
    return (
        found
        for found in vars(module).values()
        if isinstance(found, type) and issubclass(found, kind) and found != kind
    )


class _Registry(dict[str, _Shape]):
    """The closed table of tags."""

    def __missing__(self, tag: object) -> _Shape:
        raise UnreadableRecord(f"{str(tag)[:64]!r} is no event known to this version")


_SHAPES: Final = _Registry(
    (event.__name__, _Shape(event)) for event in (*_classes(observed, Observed), *_classes(decided, Decided))
)
_VALUES: Final = {shape.event: (tag, shape.values) for tag, shape in _SHAPES.items()}
_encode = msgspec.msgpack.Encoder(enc_hook=stored).encode
_decode = msgspec.msgpack.Decoder(list[list[Any]]).decode


def pack(steps: Iterable[Step]) -> bytes:
    """The stored form of steps of one session."""
    record = []
    for step in steps:
        tag, values = _VALUES[type(step.fact)]
        row: list[Any] = [tag, values(step.fact)]
        for decision in step.decisions:
            tag, values = _VALUES[type(decision)]
            row += (tag, values(decision))
        record.append(row)
    return _encode(record)


def pack_event(event: Event) -> bytes:
    """The stored form of one event: what is compared when a replay is checked."""
    tag, values = _VALUES[type(event)]
    return _encode((tag, values(event)))


def unpack(state: bytes, session: SessionId) -> list[Step]:
    """The steps of a stored row, in order.

    Raises:
        UnreadableRecord: The row is damaged, or of a later version.
    """
    try:
        return [_step(session, row) for row in _decode(state)]
    except _DAMAGE as error:
        raise UnreadableRecord(f"a record of session {session} cannot be read: {error}") from error


def unpack_facts(state: bytes, session: SessionId) -> list[Observed]:
    """Only the facts of a stored row, in order: all that a replay feeds in, for half the price of :func:`unpack`.

    Raises:
        UnreadableRecord: As :func:`unpack`; damage among the decisions is not looked for.
    """
    try:
        return [_fact(session, row) for row in _decode(state)]
    except _DAMAGE as error:
        raise UnreadableRecord(f"a record of session {session} cannot be read: {error}") from error


def _fact(session: SessionId, row: Sequence[Any]) -> Observed:
    shape = _SHAPES[row[0]]
    if not shape.fact:
        raise UnreadableRecord(f"{row[0]} stands where a fact belongs")
    return shape.build(session, row[1], 0.0)  # type: ignore[return-value]  # its shape says so


def _step(session: SessionId, row: Sequence[Any]) -> Step:
    fact = _fact(session, row)
    at = fact.origin.at
    decisions = [_SHAPES[row[i]].build(session, row[i + 1], at) for i in range(2, len(row), 2)]
    return Step(fact, tuple(decisions))  # type: ignore[arg-type]  # decisions by their tags
