"""How questions to the audit are written down."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.outcome import OUTCOMES
from replay.audit import PENDING, Query, QueryError, ask, fits, parse, parse_milliseconds, parse_outcome, parse_time

NOW = 1_700_000_000.0


def test_terms_make_a_question() -> None:
    terms = ["tool=echo", "principal:alice", "outcome=tool-error", "latency>=1.5s", "since=-1h30m"]
    assert parse(terms, NOW) == Query(
        principal="alice", name="echo", outcome="tool error", latency=1500.0, since=NOW - 5400
    )


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("-90s", NOW - 90),
        ("2h", NOW - 7200),
        ("-1d12h", NOW - 129_600),
        ("2023-11-14T22:13:20Z", NOW),
        ("2023-11-14T22:13:20", NOW),
        ("2023-11-14T23:13:20+01:00", NOW),
        ("2023-11-14", NOW - 80_000),
    ],
)
def test_times_are_relative_or_iso_and_utc(text: str, seconds: float) -> None:
    assert parse_time(text, NOW) == seconds


@pytest.mark.parametrize(
    ("text", "ms"), [("100", 100.0), ("0.5", 0.5), ("100ms", 100.0), ("1.5s", 1500.0), ("2m", 120_000.0)]
)
def test_spans_are_milliseconds_unless_they_say_otherwise(text: str, ms: float) -> None:
    assert parse_milliseconds(text) == ms


@pytest.mark.parametrize("outcome", [*OUTCOMES, PENDING])
def test_outcomes_are_the_words_of_the_metrics(outcome: str) -> None:
    assert parse_outcome(outcome.replace(" ", "-").upper()) == outcome


@given(st.text())
def test_whatever_is_written_is_a_question_or_a_told_mistake(text: str) -> None:
    for term in (text, f"since={text}", f"latency>{text}", f"outcome:{text}"):
        with contextlib.suppress(QueryError):
            parse([term], NOW)


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        (["name>5"], "only latency can be compared"),
        (["nam=x"], "did you mean name?"),
        (["tool=a", "prompt=b"], "name is asked for twice"),
        (["x"], "no condition"),
    ],
)
def test_a_mistake_is_told_with_what_may_be_meant(terms: list[str], told: str) -> None:
    with pytest.raises(QueryError, match=told.replace("?", r"\?")):
        parse(terms, NOW)


class Asked:
    """An audit that only notes what it is asked."""

    def __init__(self) -> None:
        self.conditions: dict[str, Any] = {}

    def calls(self, equal: Mapping[str, str | None], **conditions: Any) -> Iterator[dict[str, Any]]:
        self.conditions = {"equal": equal, **conditions}
        return iter(())


def test_a_question_becomes_conditions() -> None:
    asked = Asked()
    list(ask(asked, Query(name="echo", outcome=PENDING, latency=5.0), limit=3))
    assert (
        asked.conditions | {"equal": {"name": "echo", "outcome": None}, "slower": 5.0, "limit": 3} == asked.conditions
    )


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        (Query(), True),
        (Query(name="echo", since=NOW), True),
        (Query(outcome=PENDING), True),
        (Query(outcome="ok"), False),
        (Query(until=NOW), False),
        (Query(latency=0.0), False),
        (Query(principal="bob"), False),
    ],
)
def test_one_call_can_be_held_against_a_question(query: Query, answer: bool) -> None:
    call = {
        "principal": "alice",
        "session": "s",
        "method": "m",
        "name": "echo",
        "outcome": None,
        "at": NOW,
        "latency": None,
    }
    assert fits(query, call) is answer
