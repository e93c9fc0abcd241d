"""Questions to the audit: what can be asked, and how it is written down.

The same words serve the command line, in flags (``--outcome error``) and in terms (``outcome=error latency>=100ms``).
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import msgspec
from msgspec import Struct

from events.outcome import OUTCOMES

PENDING: Final = "pending"
"""What stands for the outcome of a request that has none yet."""

_TERM: Final = re.compile(r"([a-z-]+)(>=|=|:|>)(.*)", re.DOTALL)
_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_ALIASES: Final = {"tool": "name", "prompt": "name", "resource": "name", "min-latency": "latency"}
_EXACT: Final = ("principal", "session", "method", "name")
WORDS: Final = (*_EXACT, "outcome", "since", "until", "latency")


class QueryError(ValueError):
    """A question is written wrongly; says which part, and what it may be."""


class Query(Struct, frozen=True):
    """A question. All conditions that are not None have to hold.

    Attributes:
        principal: Who called.
        session: The id of the session.
        method: The JSON-RPC method.
        name: The tool, prompt or resource.
        outcome: How it ended (``events.outcome``), or :data:`PENDING`.
        since: Seconds since the epoch from which on it came.
        until: Seconds since the epoch before which it came.
        latency: Milliseconds that it took at least.
    """

    principal: str | None = None
    session: str | None = None
    method: str | None = None
    name: str | None = None
    outcome: str | None = None
    since: float | None = None
    until: float | None = None
    latency: float | None = None


class Audit(Protocol):
    """Where questions are answered."""

    def calls(
        self,
        equal: Mapping[str, str | None],
        *,
        since: float | None = None,
        until: float | None = None,
        slower: float | None = None,
        after: int = 0,
        limit: int | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Calls that all conditions hold for, the newest first."""


def ask(audit: Audit, query: Query, *, after: int = 0, limit: int | None = None) -> Iterator[dict[str, Any]]:
    """The calls that ``query`` asks for, the newest first.

    Args:
        audit: Who knows.
        query: The question.
        after: Only calls with an id above this one.
        limit: How many to give; all when None.
    """
    equal: dict[str, str | None] = {
        word: value for word in (*_EXACT, "outcome") if (value := getattr(query, word)) is not None
    }
    if query.outcome == PENDING:
        equal["outcome"] = None
    return audit.calls(equal, since=query.since, until=query.until, slower=query.latency, after=after, limit=limit)


def fits(query: Query, call: Mapping[str, Any]) -> bool:
    """Whether one call is among those that ``query`` asks for."""
    return (
        all(getattr(query, word) in (None, call[word]) for word in _EXACT)
        and query.outcome in (None, call["outcome"] or PENDING)
        and (query.since is None or call["at"] >= query.since)
        and (query.until is None or call["at"] < query.until)
        and (query.latency is None or (call["latency"] is not None and call["latency"] >= query.latency))
    )


def parse(terms: Iterable[str], now: float) -> Query:
    """The question that ``terms`` ask together.

    Args:
        terms: Such as ``tool=echo``, ``outcome=error``, ``latency>=100ms``, ``since=-2h``.
        now: The moment that relative times count from, in seconds since the epoch.

    Raises:
        QueryError: One of them is wrong.
    """
    query = Query()
    for term in terms:
        found = _TERM.fullmatch(term)
        if found is None:
            raise QueryError(f"{term!r} is no condition: write it as outcome=error or latency>=100ms")
        word, sign, text = found.groups()
        if ">" in sign and _ALIASES.get(word, word) != "latency":
            raise QueryError(f"{term!r}: only latency can be compared; write {word}={text}")
        query = narrowed(query, word, text, now)
    return query


def narrowed(query: Query, word: str, text: str, now: float) -> Query:
    """``query`` with one more condition.

    Raises:
        QueryError: The word or the text is wrong, or the word had another condition already.
    """
    word = _ALIASES.get(word, word)
    if word not in WORDS:
        raise QueryError(f"there is no condition {word!r}{_near(word, WORDS)}; there are {', '.join(WORDS)}")
    value: object = text
    if word == "outcome":
        value = parse_outcome(text)
    elif word in ("since", "until"):
        value = parse_time(text, now)
    elif word == "latency":
        value = parse_milliseconds(text)
    if getattr(query, word) not in (None, value):
        raise QueryError(f"{word} is asked for twice")
    return msgspec.structs.replace(query, **{word: value})


def parse_outcome(text: str) -> str:
    """An outcome; ``tool-error`` stands for ``tool error``.

    Raises:
        QueryError: There is no such outcome.
    """
    outcome = text.lower().replace("-", " ").replace("_", " ")
    known = (*OUTCOMES, PENDING)
    if outcome not in known:
        raise QueryError(f"{text!r} is no outcome{_near(outcome, known)}; there are {', '.join(known)}")
    return outcome


def parse_time(text: str, now: float) -> float:
    """A moment in seconds since the epoch: ``-2h``, ``-1d12h``, or a date and time in ISO 8601, UTC unless it says so.

    Raises:
        QueryError: It is neither.
    """
    span = text.removeprefix("-")
    if (seconds := _seconds(span)) is not None:
        return now - seconds
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise QueryError(f"{text!r} is no time: write -2h, or 2026-11-23 or 2026-11-23T09:30:00Z") from None


def parse_milliseconds(text: str) -> float:
    """A span in milliseconds: ``100``, ``100ms``, ``1.5s``.

    Raises:
        QueryError: It is none.
    """
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    if (seconds := _seconds(text)) is None:
        raise QueryError(f"{text!r} is no span of time: write 100ms or 1.5s")
    return seconds * 1000


def _seconds(text: str) -> float | None:
    parts = _SPAN.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def _near(word: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f": did you mean {found[0]}?" if found else ""
