import pytest

from events import codes
from events.decided import CallDispatched, ErrorReady, RequestCancelled, ResponseReady
from events.event import Decided, Observed
from events.outcome import OUTCOMES, outcome
from tests.facts import closed, failed, hit, origin, refused, request, returned

ANSWER = ResponseReady(origin(1))
ERROR = ErrorReady(origin(1), -1, "")
DENIED = ErrorReady(origin(1), codes.UNAUTHORIZED, "")


@pytest.mark.parametrize(
    ("decision", "fact", "word"),
    [
        (ANSWER, returned(1), "ok"),
        (ANSWER, request(1, "ping"), "ok"),
        (ANSWER, hit(1), "cached"),
        (ANSWER, returned(1, is_error=True), "tool error"),
        (ERROR, failed(1), "error"),
        (ERROR, request(1), "rejected"),
        (ERROR, refused(1), "throttled"),
        (DENIED, request(1), "denied"),
        (DENIED, failed(1), "error"),
        (RequestCancelled(origin(1), ""), closed(), "cancelled"),
    ],
)
def test_an_end_has_one_word(decision: Decided, fact: Observed, word: str) -> None:
    assert outcome(decision, fact) == word
    assert word in OUTCOMES


def test_what_ends_nothing_has_none() -> None:
    assert outcome(CallDispatched(origin(1), "", "", ""), request(1)) is None
