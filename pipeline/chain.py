"""The table of contents of the server."""

from collections.abc import Callable

from reactivex import Observable

from events.event import Observed, Step
from operators.access import table_of
from operators.admit import admit
from operators.answer_from_cache import answer_from_cache
from operators.ask_client import ask_client
from operators.authorize import authorize
from operators.dispatch import dispatch
from operators.emit_chunks import emit_chunks
from operators.measure import Meter, measure
from operators.policy import Policy
from operators.rate_limit import rate_limit
from operators.respond import respond
from operators.return_permits import return_permits
from operators.stage import fuse
from operators.tell_changes import tell_changes


def chain(policy: Policy, meter: Meter) -> Callable[[Observable[Observed]], Observable[Step]]:
    """Every decision the server makes, in the order in which it makes them: from facts to steps."""
    return fuse(
        admit(policy.extensions, policy.headers),
        authorize(anonymous=policy.anonymous, table=table_of(policy.access, policy.access_default)),
        rate_limit(policy.limits),
        answer_from_cache(policy.cache),
        tell_changes(),
        dispatch(),
        ask_client(),
        emit_chunks(),
        respond(),
        return_permits(policy.limits),
        measure(meter),
    )
