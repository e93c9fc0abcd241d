"""The table of contents of the server."""

from typing import cast

from reactivex import Observable

from events.event import Decided, Event
from operators.admit import admit
from operators.answer_from_cache import answer_from_cache
from operators.authorize import authorize
from operators.dispatch import dispatch
from operators.emit_chunks import emit_chunks
from operators.measure import Meter, measure
from operators.policy import Policy
from operators.rate_limit import rate_limit
from operators.respond import respond
from operators.stage import Operator, fuse


def chain(policy: Policy, meter: Meter) -> Operator:
    """Every decision the server makes, in the order in which it makes them."""
    return fuse(
        admit(),
        authorize(anonymous=policy.anonymous),
        rate_limit(policy.limits),
        answer_from_cache(policy.cache),
        dispatch(),
        emit_chunks(),
        respond(),
        measure(meter),
        out=Decided,
    )


def decisions(source: Observable[Event], policy: Policy, meter: Meter) -> Observable[Decided]:
    """What the server decides about the facts of ``source``."""
    return cast(Observable[Decided], source.pipe(chain(policy, meter)))
