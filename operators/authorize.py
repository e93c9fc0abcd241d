"""Decide who may use the server at all, and who may use what of it."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from events import codes
from events.decided import AccessDecided, RequestRejected
from events.event import Event
from events.observed import GrantReplaced, PolicyReplaced, SessionOpened
from operators.access import OPEN, Caller, Table, Verdict, subjects, table_of
from operators.admitted import Admitted
from operators.policy import load
from operators.stage import Decision, Stage, stage

ANONYMOUS: Final = "anonymous"
"""The principal of a session that nobody has vouched for."""

MOST_KNOWN: Final = 64
"""Verdicts that a session keeps at hand."""

LONGEST_KNOWN: Final = 256
"""Characters of a name whose verdict is kept."""

_EVERYTHING: Final = Table(())


class Access:
    """Who a session belongs to, whether it needs to be somebody, and what the table says of it."""

    def __init__(self, table: Table, *, anonymous: bool) -> None:
        self.caller = Caller(ANONYMOUS)
        self.anonymous = anonymous
        self.table = table or None  # a table without rules is not asked
        self._known: dict[tuple[str, str], Verdict] = {}

    def is_now(self, caller: Caller) -> None:
        """Go by what is known of the caller from here on."""
        self.caller = caller
        self._known.clear()

    def follow(self, table: Table, *, anonymous: bool) -> None:
        """Go by another policy."""
        self.table, self.anonymous = table or None, anonymous
        self._known.clear()

    def verdict(self, table: Table, method: str, name: str) -> Verdict:
        """What the table says. Nearly all requests of a session are for a few names: those are kept at hand."""
        found = self._known.get((method, name))
        if found is None:
            found = table.decide(self.caller, method, name)
            if len(name) <= LONGEST_KNOWN:
                if len(self._known) >= MOST_KNOWN:
                    self._known.clear()
                self._known[method, name] = found
        return found


def authorize(*, anonymous: bool, table: Table = _EVERYTHING) -> Stage:
    """Pass the requests of callers who may make them.

    Those of anonymous callers pass only where ``anonymous`` says so, and all only where ``table``, if it has any rule,
    allows it; then the rule that decided is told. The client is not told the rule, but the scopes that it lacks.
    """

    def opened(access: Access, event: SessionOpened) -> Sequence[Event]:
        access.is_now(Caller(event.principal, event.scopes, event.groups))
        return (event,)

    def granted(access: Access, event: GrantReplaced) -> Sequence[Event]:
        access.is_now(Caller(access.caller.principal, event.scopes, event.groups))
        return (event,)

    def admitted(access: Access, event: Admitted) -> Sequence[Event]:
        if not access.anonymous and access.caller.principal == ANONYMOUS:
            return (RequestRejected(event.origin, codes.UNAUTHORIZED, "this server does not serve anonymous callers"),)
        if access.table is None:
            return (event,)
        verdict = _OPEN
        for method, name in subjects(event.message, event.method, event.name):
            verdict = access.verdict(access.table, method, name)
            if not verdict.allowed:
                break
        decided = AccessDecided(event.origin, verdict.rule, verdict.allowed)
        return (decided, event if verdict.allowed else _rejected(event, verdict))

    def replaced(access: Access, event: PolicyReplaced) -> Sequence[Event]:
        access.follow(_table(event.policy), anonymous=load(event.policy).anonymous)
        return (event,)

    known: dict[type[Event], Decision[Access]] = {
        SessionOpened: opened,
        GrantReplaced: granted,
        Admitted: admitted,
        PolicyReplaced: replaced,
    }
    return stage("authorize", lambda: Access(table, anonymous=anonymous), known)


_OPEN: Final = Verdict(OPEN, allowed=True)


@lru_cache(maxsize=64)
def _table(policy: bytes) -> Table:
    found = load(policy)
    return table_of(found.access, found.access_default)


def _rejected(event: Admitted, verdict: Verdict) -> RequestRejected:
    data: dict[str, Any] | None = {"scope": verdict.scopes} if verdict.scopes else None
    problem = f"this takes the scopes: {verdict.scopes}" if verdict.scopes else "you may not do this"
    return RequestRejected(event.origin, codes.UNAUTHORIZED, problem, data)
