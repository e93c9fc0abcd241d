"""URI templates (RFC 6570), as far as resources need them.

``{name}`` stands for one path segment, ``{+name}`` and ``{name*}`` for any rest. Matching reads the URI once from left
to right and never goes back, whatever the URI: a variable ends where the text that follows it in the template first
occurs.
"""

import re
from typing import Final
from urllib.parse import unquote

from msgspec import Struct

from mcp_server.features.unusable import Unusable

_EXPRESSION: Final = re.compile(r"\{([^{}]*)\}")
_VARIABLE: Final = re.compile(r"(\+?)([A-Za-z_][A-Za-z0-9_]*)(\*?)\Z")
_RESERVED: Final = frozenset("/?#")


class _Variable(Struct, frozen=True):
    name: str
    rest: bool  # takes what is left, slashes included
    until: str  # the text that follows; empty at the end


class UriTemplate:
    """A parsed template.

    Attributes:
        text: As it was written.
        names: Its variables, in order; none when it is a plain URI.
    """

    __slots__ = ("_head", "_variables", "names", "text")

    def __init__(self, text: str) -> None:
        """Parse ``text``.

        Raises:
            Unusable: It is no template, or one of a kind that is not served.
        """
        self.text = text
        self._head, *parts = _EXPRESSION.split(text)
        self._variables = tuple(_variable(text, *parts[i : i + 2]) for i in range(0, len(parts), 2))
        self.names = tuple(variable.name for variable in self._variables)
        if any(brace in part for part in (self._head, *parts[1::2]) for brace in "{}"):
            raise Unusable(f"{text!r} has a brace without its partner")
        if len(set(self.names)) != len(self.names):
            raise Unusable(f"{text!r} uses a variable twice")
        if any(not variable.until for variable in self._variables[:-1]):
            raise Unusable(f"{text!r} has two variables with nothing between them")
        if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", text):
            raise Unusable(f"{text!r} is no absolute URI: it starts with a scheme, such as 'file:'")

    def match(self, uri: str) -> dict[str, str] | None:
        """The variables' values in ``uri``, decoded; None when it does not fit."""
        if not uri.startswith(self._head):
            return None
        values: dict[str, str] = {}
        start = len(self._head)
        last = self._variables[-1] if self._variables else None
        for variable in self._variables:
            if variable is last:
                end = len(uri) - len(variable.until)
                found = end > start and uri.endswith(variable.until)
            else:
                end = uri.find(variable.until, start + 1)
                found = end > start
            value = _decoded(uri[start:end], variable) if found else None
            if value is None:
                return None
            values[variable.name] = value
            start = end + len(variable.until)
        return values if start == len(uri) else None


def _variable(text: str, expression: str, until: str) -> _Variable:
    found = _VARIABLE.match(expression)
    if found is None:
        raise Unusable(f"{text!r}: {{{expression}}} is not served; write {{name}}, {{+name}} or {{name*}}")
    return _Variable(found[2], bool(found[1] or found[3]), until)


def _decoded(raw: str, variable: _Variable) -> str | None:
    """The value, percent-decoded; None when a single segment is none, also after decoding (``%2F``, ``..``)."""
    try:
        value = unquote(raw, errors="strict")
    except UnicodeDecodeError:
        return None
    if "\0" in value:
        return None
    if not variable.rest and (not _RESERVED.isdisjoint(raw) or "/" in value or value in (".", "..")):
        return None
    return value
