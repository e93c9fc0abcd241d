"""A chain that must not be: one operator reads the clock."""

import time
from collections.abc import Sequence
from unittest.mock import patch

from events.decided import ErrorReady, RequestRejected
from events.event import Event
from operators.respond import respond
from operators.stage import Stage, stage


def clocked() -> Stage:
    """As ``respond``, but a rejection tells the client what time it is."""
    honest = respond()

    def rejected(_: None, event: RequestRejected) -> Sequence[Event]:
        return (event, ErrorReady(event.origin, event.code, event.message, {"at": time.time()}))

    return stage(honest.name, honest.fresh, {**honest.knows, RequestRejected: rejected})


def break_the_chain() -> None:
    """Have every chain of this process read the clock, from now on."""
    patch("pipeline.chain.respond", clocked).start()
