"""Going through a text that may hold secrets: JSON member by member, everything else by what it looks like."""

import re
from collections.abc import Iterable
from itertools import chain
from typing import Final

import orjson

from adapters.base64_runs import RUN, said
from adapters.secret_assignments import assigned
from adapters.secret_look import BASE64_LEVELS, SecretLook
from adapters.secret_patterns import PATTERNS, Span, private_keys
from adapters.tags import TAG, Tags

MOST: Final = 500
"""Secrets in one text; a text that has more gives way as a whole."""

LONGEST_TEXT: Final = 1024 * 1024
"""Bytes of one text that is gone through; a longer one in which there may be a secret gives way as a whole."""

INNER: Final = 3
"""Levels of JSON in a text in JSON that are read as JSON; deeper ones are read as text."""

SHORTEST_KNOWN: Final = 4
"""Bytes of a secret that is looked for inside of texts; a shorter one is known where it is all there is."""

_TOKEN: Final = re.compile(rb'[{}\[\]]|"[^"\\]*+(?:\\.[^"\\]*+)*+"|[^\s{}\[\],:"]++', re.DOTALL)
_LITERALS: Final = (b"true", b"false", b"null")
_SCHEME: Final = re.compile(rb"(?i:bearer|basic|token) {1,3}+")


class Work:
    """One message or text that is being gone through.

    Args:
        look: The quick look.
        tags: What stands where secrets were.
        known: Secrets that are to be found wherever they stand.
        names: Members that are secrets here, below a member called ``within``; in a text in JSON, everywhere.
        within: See there.
        by_name: Whether names say anything.

    Attributes:
        secrets: What gave way so far.
        kinds: Of each value that did what it was known by.
    """

    def __init__(
        self,
        look: SecretLook,
        tags: Tags,
        known: frozenset[bytes],
        names: frozenset[str] = frozenset(),
        within: str = "",
        *,
        by_name: bool = True,
    ) -> None:
        self._look = look
        self._tags = tags
        self._by_name = by_name
        self._known = known
        self._inner_known = sorted((each for each in known if len(each) >= SHORTEST_KNOWN), key=len, reverse=True)
        self._names = names
        self._within = within
        self._base64_levels = BASE64_LEVELS
        self.secrets: set[bytes] = set()
        self.kinds: list[str] = []

    def json(self, raw: bytes, depth: int, *, inside: bool) -> bytes:
        """Go through JSON. ``inside`` says whether the names of this message count at its root."""
        out: list[bytes] = []
        done = 0
        outer: list[tuple[bool, bool, bool]] = []
        # Of the container that we are in: is it an object, is it a secret itself, do the names count in it.
        is_object = secret = False
        at_key = value_secret = False
        value_inside = inside
        for token in _TOKEN.finditer(raw):
            text = token[0]
            first = text[0]
            if first in b"{[":
                outer.append((is_object, secret, inside))
                is_object, secret, inside = first == 123, secret or value_secret, inside or value_inside
                at_key, value_secret, value_inside = is_object, secret, inside
                continue
            if first in b"}]":
                if outer:
                    is_object, secret, inside = outer.pop()
                at_key, value_secret, value_inside = is_object, secret, inside
                continue
            if at_key:
                name = _content(text)
                new = self._key(text)
                value_secret = secret or self._is_name(name, inside=inside)
                value_inside = inside or (self._within != "" and name == self._within)
                at_key = False
            else:
                new = self._value(text, depth, secret=value_secret)
                at_key = is_object
            if new is not text:
                out += (raw[done : token.start()], new)
                done = token.end()
        if not out:
            return raw
        out.append(raw[done:])
        return b"".join(out)

    def string(self, text: bytes, depth: int) -> bytes:
        """Go through what a string holds: JSON once more, or text."""
        if not (self._names or self._known or self._look.may_hold(text, self._base64_levels)):
            return text
        if depth < INNER and text.lstrip()[:1] in (b"{", b"[") and _is_json(text):
            return self.json(text, depth + 1, inside=bool(self._names))
        return self.text(text)

    def text(self, text: bytes) -> bytes:
        """Go through text that is no JSON; tags that stand in it already stay."""
        if not (self._inner_known or self._look.may_hold(text, self._base64_levels)):
            return text
        if len(text) > LONGEST_TEXT:
            return self._long(text)
        before = len(self.kinds)
        new = self._without_known(text)
        new = self._without(new, private_keys(new), "pem")
        for pattern in PATTERNS:
            new = self._without(new, pattern.found(new), pattern.kind)
        if self._by_name:
            new = self._without(new, assigned(new, self._look.is_secret), "name")
        if self._base64_levels and (self._inner_known or self._look.may_say(new, self._base64_levels - 1)):
            new = RUN.sub(lambda run: self._in_base64(run[0]) or run[0], new)
        if len(self.kinds) - before > MOST:
            del self.kinds[before:]
            return self._taken(text, "many")
        return new

    def _long(self, text: bytes) -> bytes:
        """A text that takes too long to go through: all of it, when there may be anything in it."""
        in_doubt = self._look.may_hold(text, self._base64_levels) or any(each in text for each in self._inner_known)
        return self._taken(text, "many") if in_doubt else text

    def whole(self, text: bytes, kind: str) -> bytes:
        """A secret that is all of a text, but for what says how it is to be used."""
        scheme = _SCHEME.match(text)
        start = scheme.end() if scheme is not None and scheme.end() < len(text) else 0
        if TAG.fullmatch(text, start):
            return text
        return text[:start] + self._taken(text[start:], kind)

    def _value(self, literal: bytes, depth: int, *, secret: bool) -> bytes:
        if literal[0] != 34:
            if literal in _LITERALS or not (secret or (len(literal) >= SHORTEST_KNOWN and literal in self._known)):
                return literal
            return b'"%b"' % self._taken(literal, "name" if secret else "known")
        text = _content(literal).encode(errors="surrogatepass")
        if not text:
            return literal
        if secret:
            new = self.whole(text, "name")
        elif text in self._known:
            new = self._taken(text, "known")
        else:
            new = self.string(text, depth)
        return literal if new == text else orjson.dumps(new.decode(errors="replace"))

    def _key(self, literal: bytes) -> bytes:
        """A member's name, which may hold a secret too. Two names never become one."""
        text = _content(literal).encode(errors="surrogatepass")
        if not (self._inner_known or self._look.may_hold_besides(text)):
            return literal
        self._base64_levels, levels = 0, self._base64_levels
        new = self.text(text)
        self._base64_levels = levels
        if new == text and levels and self._holds_in_base64(text):
            new = self._taken(text, "base64")
        return literal if new == text else orjson.dumps(new.decode(errors="replace"))

    def _is_name(self, name: str, *, inside: bool) -> bool:
        return self._by_name and ((inside and name in self._names) or self._look.is_secret(name))

    def _holds_in_base64(self, text: bytes) -> bool:
        return any(self._in_base64(run) for run in RUN.findall(text))

    def _without_known(self, text: bytes) -> bytes:
        for secret in self._inner_known:
            if secret in text:
                # What stands in a tag by now is no secret.
                parts = TAG.split(text)
                kept = chain(TAG.findall(text), (b"",))
                tag = self._taken(secret, "known")
                text = b"".join(part.replace(secret, tag) + next(kept) for part in parts)
        return text

    def _without(self, text: bytes, spans: Iterable[Span], kind: str) -> bytes:
        out: list[bytes] = []
        done = 0
        for start, end in spans:
            out += (text[done:start], self._taken(text[start:end], kind))
            done = end
            if len(out) > 2 * MOST:  # it will give way as a whole
                self.kinds += [kind] * MOST
                return text
        return b"".join((*out, text[done:])) if out else text

    def _in_base64(self, run: bytes) -> bytes:
        """The tags of the secrets that are written in a run of base64; empty when there are none."""
        for plain in said(run):
            self._base64_levels -= 1
            try:
                new = self.string(plain, 0) if _is_text(plain) else self._binary(plain)
            finally:
                self._base64_levels += 1
            if new != plain and (tags := list(dict.fromkeys(TAG.findall(new)))):
                return b"".join(tags[:8])
        return b""

    def _binary(self, plain: bytes) -> bytes:
        if not (self._inner_known or self._look.may_hold(plain, 0)):
            return plain
        new = self._without_known(plain)
        for pattern in PATTERNS:
            new = self._without(new, pattern.found(new), pattern.kind)
        return new

    def _taken(self, secret: bytes, kind: str) -> bytes:
        if kind != "many":
            self.secrets.add(secret)
        self.kinds.append(kind)
        return self._tags.of(secret)


def _content(literal: bytes) -> str:
    """What a string in JSON holds."""
    if b"\\" in literal:
        return orjson.loads(literal)  # type: ignore[no-any-return]  # a string
    return literal[1:-1].decode()


def _is_json(text: bytes) -> bool:
    try:
        orjson.loads(text)
    except ValueError:
        return False
    return True


def _is_text(plain: bytes) -> bool:
    try:
        plain.decode()
    except UnicodeDecodeError:
        return False
    return True
