"""Writes the golden log of this version: ``python -m tests.golden.make``.

One line for each record: a session, a version, the stored bytes in hexadecimal digits. First a whole session as the
chain decides it, then one record for each class of event, its fields filled from their names. A log that was released
is never written again: later versions read it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

from msgspec.structs import replace

from events.event import Decided, Event, Observed, Origin, Step
from events.jsonrpc import decode
from events.message import Message
from events.observed import (
    CacheMissed,
    GrantReplaced,
    Headers,
    InputBrought,
    InputWanted,
    Interrupted,
    ListChanged,
    PolicyReplaced,
    RequestOverflowed,
    ResourceChanged,
    StreamLeft,
    SubscriptionEnded,
    TaskChanged,
    TaskOpened,
    TasksFound,
)
from events.record import pack
from mcp_server import __version__
from operators.access import AccessRule, What, Who
from operators.measure import NoMeter
from operators.policy import Limit, Policy, dump
from operators.task_clients import EXTENSION
from operators.versions import META_CAPABILITIES
from pipeline.chain import chain
from tests.facts import (
    MODERN_META,
    OTHER,
    SESSION,
    cancelled,
    closed,
    failed,
    frame,
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
from tests.histories import EVENTS, POLICY
from tests.passing import steps_of

FOLDER = Path(__file__).parent
THIRD = "01890a5d-ac96-774b-bcce-b302099a8059"
CALL = {"name": "echo", "arguments": {"text": "\u00fc", "n": 2**70, "x": 1.0}, "_meta": {"progressToken": "t"}}

KNOWS_TASKS = {**MODERN_META, META_CAPABILITIES: {"extensions": {EXTENSION: {}}}}

FULL_POLICY = replace(
    POLICY, limits=(*POLICY.limits, Limit("places", "session", methods=("prompts/list",), concurrent=1))
)

RULED_POLICY = replace(POLICY, access=(AccessRule(Who(group="ops"), What("prompts/list"), needs_scope="prompts"),))

HISTORY: tuple[Observed, ...] = (
    opened(1.0, policy=FULL_POLICY),
    request(0, "initialize", {"protocolVersion": "2025-11-25", "clientInfo": {"name": "c", "version": "1"}}, at=1.5),
    returned(0, b'{"protocolVersion":"2025-11-25"}', at=1.5),
    read(frame(None, "notifications/initialized"), at=1.75),
    request(1, "tools/list", at=2.0),
    missed(1, at=2.0),
    returned(1, b'{"tools":[]}', at=2.25),
    request("1", "tools/list", at=2.5),
    hit("1", b'{"tools":[]}', at=2.5),
    request(2, "tools/call", CALL, at=3.0),
    permitted(2, at=3.0),
    progressed(2, 1.0, at=3.25),
    yielded(2, at=3.5),
    logged(2, "info", at=3.5),
    returned(2, b'{"content":[],"isError":true}', at=4.0, is_error=True),
    request(3, "tools/call", CALL, at=4.0),
    refused(3, at=4.0),
    request(4, "tools/call", {"name": "add"}, at=5.0),
    permitted(4, at=5.0),
    missed(4, at=5.0),
    cancelled(4, at=5.5),
    returned(4, at=5.75),
    modern(5, "prompts/get", {"name": "p"}, at=6.0, headers=Headers("2026-07-28", "prompts/get", "p")),
    failed(5, -32602, "unknown prompt: p", at=6.0),
    modern(6, "resources/read", {"uri": "u"}, at=6.0, headers=Headers("2026-07-28", "resources/read", "other")),
    modern(7, "resources/read", {"uri": "u"}, at=6.5, headers=Headers("2026-07-28", "resources/read", "u")),
    left(7, at=7.0),
    read(b'{"jsonrpc":"2.0","id":8,"method":"a","params":[]}', at=7.0),
    read(b"\xff" * 70_000, at=7.0),
    RequestOverflowed(origin(9, 7.5), message(9, "tools/list"), 4096, 1.0),
    read(b'{"jsonrpc":"2.0","id":10,"result":{}}', at=7.5),
    request(11, "tools/call", {"name": "echo"}, at=8.0),
    request(12, "prompts/list", at=8.0),
    permitted(12, at=8.0),
    modern(13, "stream/start", at=8.0),
    yielded(13, at=8.25),
    returned(13, at=8.5),
    request(14, "resources/subscribe", {"uri": "workspace://a.py"}, at=8.5),
    ResourceChanged(origin(None, 8.75), "workspace://a.py"),
    request(15, "resources/unsubscribe", {"uri": "workspace://a.py"}, at=8.75),
    PolicyReplaced(origin(None, 8.75), dump(POLICY)),
    request(16, "tools/call", {"name": "ask"}, at=8.75),
    permitted(16, at=8.75),
    InputWanted(origin(16, 8.75), "name", "elicitation/create", b'{"message":"?"}'),
    read(b'{"jsonrpc":"2.0","id":"ask-1","result":{"action":"accept"}}', at=8.75),
    InputWanted(origin(16, 8.75), "more", "roots/list", b"{}"),
    cancelled(16, at=8.75),
    request(18, "tools/call", {"name": "long"}, at=8.75),
    permitted(18, at=8.75),
    Interrupted(origin(18, 8.75), begun=True),
    modern(17, "subscriptions/listen", {"notifications": {"toolsListChanged": True}}, at=8.75),
    ListChanged(origin(None, 8.75), "tools"),
    SubscriptionEnded(origin(17, 8.75), "the server stopped"),
    modern(22, "subscriptions/listen", {"notifications": {"taskIds": ["one", "two"]}}, at=8.75, meta=KNOWS_TASKS),
    TasksFound(origin(22, 8.75), ("one",)),
    TaskChanged(origin(None, 8.75), "one", b'{"taskId":"one","status":"working"}'),
    left(22, at=8.75),
    PolicyReplaced(origin(None, 8.75), dump(RULED_POLICY)),
    request(19, "prompts/list", at=8.75),
    GrantReplaced(origin(None, 8.8), ("prompts",), ("ops",)),
    request(20, "prompts/list", at=8.8),
    request(21, "prompts/get", {"name": "p"}, at=8.8),
    closed(9.0),
)

OVER_HTTP: tuple[Observed, ...] = (
    opened(1.0, THIRD, transport="http"),
    decode(frame(0, "initialize", {"protocolVersion": "2025-11-25", "capabilities": {}}), THIRD, 1.0),
    decode(frame(1, "tools/call", {"name": "t"}), THIRD, 1.0),
    StreamLeft(Origin(THIRD, 1, 1.5), 0.5),
    closed(9.0, THIRD),
)

TASK: tuple[Observed, ...] = (
    opened(1.0, OTHER, transport="task"),
    TaskOpened(Origin(OTHER, None, 1.0), 3600.0, 1.0),
    decode(frame(1, "tools/call", {"name": "t", "_meta": MODERN_META}), OTHER, 1.0),
    InputWanted(Origin(OTHER, 1, 1.0), "name", "elicitation/create", b'{"message":"?"}'),
    InputBrought(Origin(OTHER, 1, 1.5), "name", b'{"action":"accept"}'),
    closed(9.0, OTHER),
)


def lines() -> Iterator[str]:
    """The golden log of the code as it is."""
    steps = steps_of(chain(FULL_POLICY, NoMeter()), *HISTORY)
    for version, start in enumerate(range(0, len(steps), 5), 1):
        yield line(SESSION, version, steps[start : start + 5])
    yield line(OTHER, 1, steps_of(chain(Policy(), NoMeter()), *TASK))
    yield line(THIRD, 1, steps_of(chain(Policy(), NoMeter()), *OVER_HTTP))
    for kind in EVENTS:
        yield line(kind.__name__, 1, [example(kind)])


def line(session: str, version: int, steps: list[Step]) -> str:
    return f"{session} {version} {pack(steps).hex()}\n"


def example(kind: type[Event]) -> Step:
    """A step with an event of ``kind`` whose every field tells its name."""
    hints = get_type_hints(kind)
    at = Origin(kind.__name__, "request", 1.5)
    event: Any = kind(at, *(_value(name, hints[name]) for name in kind.__struct_fields__[1:]))
    return Step(CacheMissed(at), (event,)) if issubclass(kind, Decided) else Step(event, ())


def _value(name: str, hint: Any) -> Any:
    number = sum(name.encode())
    known: dict[Any, Any] = {
        str: name,
        str | int: name,
        int: number,
        float: number + 0.5,
        float | None: number + 0.5,
        bool: True,
        bytes: name.encode(),
        Message: Message(b'{ "%b" : 1.0 }' % name.encode()),
        Headers | None: Headers("version", "method", "name", {"param": "value"}),
        dict[str, object] | None: {name: [number, number + 0.5, None, True, name]},
        tuple[tuple[str, str], ...]: ((name, "one"), (name, "two")),
        tuple[str, ...]: (name, "one", "two"),
        tuple[float, ...]: (number + 0.5, float(number)),
    }
    return known[hint]


if __name__ == "__main__":
    (FOLDER / f"{__version__}.records").write_text("".join(lines()))
