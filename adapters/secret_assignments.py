"""Secrets that are given to a name in a text: ``password=...``, ``"api_key": "..."``, ``Cookie: ...``."""

import re
from collections.abc import Callable, Iterator
from typing import Final

from adapters.secret_names import LONGEST
from adapters.secret_patterns import Span
from adapters.tags import MARK, TAG

_ASSIGNED: Final = re.compile(
    rb"(?<![A-Za-z0-9_.-])(?P<name>[A-Za-z_][A-Za-z0-9_.-]*+(?: [A-Za-z_][A-Za-z0-9_.-]*+)?+)"
    rb"(?:\\{0,3}+[\"'])?\s{0,3}+(?:=>|[:=](?!//))\s{0,3}+(?:\\{0,3}+(?P<quote>[\"']))?"
)
_SCHEME: Final = rb"(?:(?:[Bb]earer|[Bb]asic|[Tt]oken) {1,3}+)?"
_VALUE: Final = re.compile(_SCHEME + rb"(?P<secret>(?:\[redacted:hmac:[0-9a-f]{32}\]|[^\s\"'\\,;&<>)\]}])++)")
_QUOTED: Final = {
    b'"': re.compile(_SCHEME + rb'(?P<secret>[^"\\]++)'),
    b"'": re.compile(_SCHEME + rb"(?P<secret>[^'\\]++)"),
}
_LINE: Final = re.compile(rb"(?:[A-Za-z]{1,20}+ {1,3}+)?(?P<secret>[^\r\n\"']++)")
_HEADER: Final = re.compile(rb"(?i:(?:set-)?cookie|(?:proxy-)?authorization)\Z")
_SAYS_NOTHING: Final = frozenset(b"true false null none required missing invalid wrong empty must is not".split())


def assigned(text: bytes, is_secret: Callable[[str], bool]) -> Iterator[Span]:
    """Where secrets stand in ``text`` behind their names. A header's value goes on to the end of the line."""
    position = 0
    while (found := _ASSIGNED.search(text, position)) is not None:
        position = found.end()
        name = found["name"]
        if len(name) > LONGEST or not is_secret(name.decode()):
            continue
        form = _LINE if _HEADER.search(name) else _QUOTED.get(found["quote"], _VALUE)
        value = form.match(text, position)
        if value is None:
            continue
        secret = value["secret"]
        is_tag = TAG.fullmatch(secret) if form is _LINE else secret.startswith(MARK)
        if not is_tag and secret.lower() not in _SAYS_NOTHING:
            yield value.span("secret")
            position = value.end()
