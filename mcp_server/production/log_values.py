"""What may stand in a log line: secrets are masked by their names, values are cut to a bounded length."""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import date
from functools import cache, lru_cache
from secrets import token_bytes
from typing import Any, Final

import structlog

from adapters.redaction import Redactor
from adapters.secret_names import SecretNames
from adapters.tags import TAG

MASK: Final = "***"

LONGEST_VALUE: Final = 1000
"""Characters of one value; of a longer one the beginning and the length are written."""

LONGEST_LINE: Final = 16_000
"""Characters of all values of a line together."""

LONGEST_NAME: Final = 100
MOST_FIELDS: Final = 64
MOST_ITEMS: Final = 20
"""Elements of a list or of an inner object."""

DEEPEST: Final = 4
"""Levels of lists and objects; what is deeper is left out."""

FIRST: Final = ("event", "level", "logger", "timestamp", "error", "where")
"""The fields that are never left out."""

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECRET_WORDS: Final = frozenset({"auth", "bearer", "jwt", "otp", "pwd", "token", "tokens"})
_SECRET_PARTS: Final = (
    *("password", "passwd", "passphrase", "secret", "credential", "cookie", "authorization"),
    *("apikey", "accesskey", "privatekey", "signingkey", "encryptionkey"),
    *("accesstoken", "refreshtoken", "idtoken", "authtoken", "sessiontoken", "connectionstring"),
)
_ABOUT: Final = frozenset(
    {"count", "counts", "limit", "length", "size", "type", "name", "used", "usage", "total", "expires", "ttl", "ms"}
)
"""A name that ends so tells something about a secret, and not the secret."""

_USER_INFO: Final = re.compile(r"(?<=://)([^/\s@:]*):[^/\s@]*@")  # RFC 3986, section 3.2.1
_BEARER: Final = re.compile(r"(?i)(?<=\bbearer )[\w.~+/=-]{8,}")  # RFC 6750, section 2.1

_LOOK_BACK: Final = 512
"""Characters before the place where a value is cut that are looked at with the rest: a secret may stand across it."""


@cache
def _redactor() -> Redactor:
    # Lines are no place to look a secret up in, so their tags are of no use and nobody has the key.
    return Redactor(token_bytes(32), SecretNames())


def presentable(_logger: object, _method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A structlog processor: make of a line what may be written."""
    room = _Room(LONGEST_LINE)
    found: dict[str, Any] = {}
    for name, value in {**{name: line[name] for name in FIRST if name in line}, **line}.items():
        if len(found) == MOST_FIELDS:
            found["fields_left_out"] = len(line) - MOST_FIELDS
            break
        label = text(name, LONGEST_NAME)
        found[label] = MASK if is_secret(label, value) else room.fit(value, DEEPEST)
    return found


def is_secret(name: str, value: object) -> bool:
    """Whether a field with this name is to be masked.

    Numbers of tokens, such as ``max_tokens``, are no secret; everything else that is called a token is.
    """
    if value is None or not _looks_secret(name):
        return False
    return not (name.lower().endswith("tokens") and isinstance(value, int | float))


@lru_cache(1024)
def _looks_secret(name: str) -> bool:
    words = [word.lower() for word in _WORD.findall(name)]
    if not words or words[-1] in _ABOUT:
        return False
    joined = "".join(words)
    return not _SECRET_WORDS.isdisjoint(words) or any(part in joined for part in _SECRET_PARTS)


def text(value: object, most: int = LONGEST_VALUE) -> str:
    """``value`` in at most so many characters and a note of how many there were, without passwords in addresses."""
    try:
        whole = value if isinstance(value, str) else str(value)
    except Exception:  # noqa: BLE001 - what cannot be told must not keep the line from being written
        return f"<{type(value).__name__} that cannot be shown>"
    short = _without_secrets(whole[: most + _LOOK_BACK])[:most]
    if not short.isascii():
        short = short.encode("utf-8", "backslashreplace").decode()  # half of a surrogate pair has no bytes
    if "://" in short:
        short = _USER_INFO.sub(rf"\1:{MASK}@", short)
    if "earer " in short or "EARER " in short:
        short = _BEARER.sub(MASK, short)
    return short if len(whole) <= most else f"{short}… ({len(whole)} characters)"


def _without_secrets(text: str) -> str:
    raw = text.encode(errors="replace")
    if not _redactor().may_hold(raw):
        return text
    return TAG.sub(MASK.encode(), _redactor().text(raw)).decode()


class _Room:
    """The characters that are left for the values of a line."""

    def __init__(self, left: int) -> None:
        self.left = left

    def fit(self, value: object, depth: int) -> Any:
        """``value`` as JSON can hold it, within the bounds."""
        if value is None or isinstance(value, bool | float):
            return value
        if isinstance(value, int):
            return int(value) if -(2**63) <= value < 2**64 else f"<integer of {value.bit_length()} bits>"
        if isinstance(value, bytes | bytearray | memoryview):
            return f"<{len(value)} bytes>"
        if isinstance(value, BaseException):
            return f"{type(value).__module__}.{type(value).__qualname__}"
        if isinstance(value, Mapping | list | tuple | AbstractSet):
            return self._inner(value, depth - 1) if depth > 1 and self.left > 0 else "…"
        found = text(value.isoformat() if isinstance(value, date) else value, max(0, min(LONGEST_VALUE, self.left)))
        self.left -= len(found)
        return found

    def _inner(self, value: Any, depth: int) -> Any:
        if isinstance(value, Mapping):
            found: dict[str, Any] = {}
            for name, each in list(value.items())[:MOST_ITEMS]:
                label = text(name, LONGEST_NAME)
                self.left -= len(label)
                found[label] = MASK if is_secret(label, each) else self.fit(each, depth)
            if len(value) > MOST_ITEMS:
                found["…"] = len(value) - MOST_ITEMS
            return found
        items = [self.fit(each, depth) for each, _ in zip(value, range(MOST_ITEMS), strict=False)]
        return [*items, f"… ({len(value)} in all)"] if len(value) > MOST_ITEMS else items
