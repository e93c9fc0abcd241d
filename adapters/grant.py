"""What a caller has proved to be, and what it may therefore do."""

from typing import Final

from msgspec import Struct

from operators.authorize import ANONYMOUS

LONGEST: Final = 256
"""Characters of a principal, a client, a scope or a group."""

MOST: Final = 256
"""Scopes that a caller has at most, and as many groups."""


class Grant(Struct, frozen=True, gc=False):
    """A verified caller.

    Attributes:
        principal: Who calls.
        scopes: What the caller was allowed, in the order in which it was said.
        groups: What it belongs to.
        expires: When that ends, in seconds since the epoch; None for never.
        client: The software that calls in the principal's name (RFC 9068, ``client_id``); empty when nobody said.
    """

    principal: str
    scopes: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    expires: float | None = None
    client: str = ""

    def is_same_caller(self, other: "Grant") -> bool:
        """Whether both are the same principal with the same client: only then they may share a session."""
        return self.principal == other.principal and self.client == other.client


NOBODY: Final = Grant(ANONYMOUS)
"""A caller that showed nothing, where that is allowed, or where there is nothing to show."""


class BadCredential(Exception):
    """What a caller showed proves nothing. The text is one of ours: it repeats nothing of what was shown."""


class Unverifiable(Exception):
    """Nobody can tell at this moment: the issuer's keys cannot be had."""


def words(value: object, what: str) -> tuple[str, ...]:
    """Scopes or groups: a text with spaces between them, or a list of texts; ``what`` names them.

    Raises:
        BadCredential: It is neither, or there are too many, or one cannot be recorded.
    """
    if value is None:
        return ()
    found = value.split() if isinstance(value, str) else value
    if not isinstance(found, list) or len(found) > MOST:
        raise BadCredential(f"the {what} are no list of at most {MOST}")
    return tuple(dict.fromkeys(text(each, what) for each in found))


def text(value: object, what: str) -> str:
    """A name that can be recorded and shown.

    Raises:
        BadCredential: It is something else.
    """
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST or not value.isprintable():
        raise BadCredential(f"the {what} must be text of 1 to {LONGEST} characters that can be printed")
    return value
