"""Facts without the secrets that came in them: what the chain sees, what is stored, and what a replay feeds in.

What the secrets were stays in memory for as long as somebody needs it: a tool is called with them, and a client is
told them.
"""

import logging
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import orjson
from msgspec.structs import replace

from adapters.redaction import Redactor
from events import codes
from events.event import Observed
from events.jsonrpc import malformed
from events.message import Message, parse
from events.observed import (
    CallFailed,
    CallReturned,
    CallYielded,
    CancelReceived,
    Headers,
    InputBrought,
    InputWanted,
    MessageLogged,
    MessageMalformed,
    NotificationReceived,
    ProgressReported,
    RequestReceived,
    ResponseReceived,
    TaskChanged,
)
from events.told import ToldBytes, told_as

Fact = TypeVar("Fact", bound=Observed)

_log: Final = logging.getLogger(__name__)

CALL: Final = "tools/call"

DESCRIBING: Final = frozenset(
    {"initialize", "server/discover", "tools/list", "prompts/list", "resources/list", "resources/templates/list"}
)
"""Methods whose results say what a server offers, schemas among them."""

_ENCODED: Final = ("=?base64?", "?=")  # MCP 2026-07-28, basic/transports: a header's value that is no plain ASCII


_Report = Callable[[Any, frozenset[bytes], frozenset[str]], Observed]

_NONE: Final[frozenset[str]] = frozenset()
_NONE_KNOWN: Final[frozenset[bytes]] = frozenset()


class Withheld(Message):
    """A message as it is stored, with tags in place of secrets.

    Attributes:
        original: As it came; in memory only.
        secrets: What gave way, as it was.
    """

    __slots__ = ("original", "secrets")

    def __init__(self, raw: bytes, original: Message, secrets: frozenset[bytes]) -> None:
        super().__init__(raw)
        self.original = original
        self.secrets = secrets


def as_it_came(message: Message) -> Message:
    """The message that a call is made with, where it is still known."""
    return message.original if isinstance(message, Withheld) else message


def secrets_in(message: Message) -> frozenset[bytes]:
    """What gave way in it; what a call that was made with it reports may have the same secrets."""
    return message.secrets if isinstance(message, Withheld) else frozenset()


class ToolSecrets:
    """The members that a tool's schemas call secrets.

    Attributes:
        arguments: Of what it is given, by the tool's name.
        results: Of what it returns, by the tool's name.
    """

    def __init__(
        self, arguments: Mapping[str, frozenset[str]] | None = None, results: Mapping[str, frozenset[str]] | None = None
    ) -> None:
        self.arguments = {name: found for name, found in (arguments or {}).items() if found}
        self.results = {name: found for name, found in (results or {}).items() if found}

    def in_arguments(self, message: Message) -> frozenset[str]:
        """Those that ``message`` may bring: of the tool that it calls, or of the tools that it names besides."""
        return _of(self.arguments, message) if self.arguments else _NONE

    def in_results(self, message: Message) -> frozenset[str]:
        """Those that the answer to ``message`` may bring."""
        return _of(self.results, message) if self.results else _NONE


def _of(known: Mapping[str, frozenset[str]], message: Message) -> frozenset[str]:
    if message.method == CALL:
        return known.get(message.name, _NONE)
    return _NONE.union(*(found for name, found in known.items() if name.encode() in message.raw))


class RedactedFacts:
    """Takes the secrets out of facts. A fact without any comes back as it is.

    Args:
        redactor: Knows secrets.
        tools: What tools say of theirs.
    """

    def __init__(self, redactor: Redactor, tools: ToolSecrets | None = None) -> None:
        self._redactor = redactor
        self._tools = tools or ToolSecrets()
        self._incoming: dict[type[Observed], Callable[[Any], Observed]] = {
            RequestReceived: self._request,
            NotificationReceived: self._message,
            ResponseReceived: self._message,
            CancelReceived: self._message,
            InputBrought: self._brought,
            TaskChanged: self._brought,
            MessageMalformed: self._malformed,
        }
        self._reported: dict[type[Observed], _Report] = {
            CallReturned: self._returned,
            CallYielded: self._payload,
            MessageLogged: self._log,
            ProgressReported: self._progress,
            CallFailed: self._failure,
            InputWanted: self._question,
        }

    def incoming(self, fact: Fact) -> Fact:
        """What a client sent."""
        act = self._incoming.get(type(fact)) or (self._message if hasattr(fact, "message") else None)
        if act is None:
            return fact
        try:
            return act(fact)  # type: ignore[return-value]  # a message may become a malformed one
        except Exception:  # noqa: BLE001 - a bug of ours costs this message, and not what is secret in it
            _log.exception("a message could not be gone through", extra={"session": fact.origin.session})
            owed = type(fact) is RequestReceived
            return malformed(b"", fact.origin, codes.INTERNAL_ERROR, "internal error", answer=owed)  # type: ignore[return-value]  # as above

    def reported(self, fact: Fact, asked: Message) -> Fact:
        """What a call reports that was made because of ``asked``."""
        act: _Report | None = self._reported.get(type(fact)) or (self._payload if hasattr(fact, "payload") else None)
        if act is None:
            return fact
        if asked.method in DESCRIBING and type(fact) is CallReturned:
            act = self._described
        try:
            return act(fact, secrets_in(asked), self._tools.in_results(asked))  # type: ignore[return-value]  # each keeps its class
        except Exception:
            if type(fact) is not CallReturned and type(fact) is not CallFailed:
                raise  # into the call, which ends by it
            _log.exception("a result could not be gone through", extra={"session": fact.origin.session})
            return CallFailed(fact.origin, codes.INTERNAL_ERROR, "internal error")  # type: ignore[return-value]  # the call is over

    def result(self, payload: bytes) -> bytes:
        """A result that a cache gave that others fill too."""
        return payload if isinstance(payload, ToldBytes) else self._json(payload, _NONE_KNOWN, _NONE)

    def _request(self, fact: RequestReceived) -> Observed:
        found = self._message(fact)
        if fact.headers is not None and type(found) is RequestReceived:
            headers = self._headers(fact.headers)
            return found if headers == fact.headers else replace(found, headers=headers)
        return found

    def _message(self, fact: Any) -> Observed:
        message: Message = fact.message
        names = self._tools.in_arguments(message)
        if not names and not self._redactor.may_hold(message.raw):
            return fact  # type: ignore[no-any-return]  # the fact that it was
        found = self._redactor.json(message.raw, names=names, within="arguments")
        if found.raw == message.raw:
            return fact  # type: ignore[no-any-return]  # the fact that it was
        try:
            return replace(fact, message=Withheld(found.raw, message, found.secrets))  # type: ignore[no-any-return]
        except ValueError:  # two names that had been told apart by a secret, or by a tag that was made up
            problem = "two members of one object cannot be told apart once secrets are taken out of their names"
            return malformed(b"", fact.origin, codes.INVALID_REQUEST, problem, answer=type(fact) is RequestReceived)

    def _headers(self, headers: Headers) -> Headers:
        version, method, name = (
            value and self._header(value) for value in (headers.protocol_version, headers.method, headers.name)
        )
        params = headers.params and {param: self._header(value) for param, value in headers.params.items()}
        return Headers(version, method, name, params)

    def _header(self, value: str) -> str:
        raw = value.encode(errors="surrogateescape")
        if not self._redactor.may_hold(raw):
            return value
        opening, closing = _ENCODED
        if value.startswith(opening) and value.endswith(closing):
            return self._encoded(value)
        return self._redactor.text(raw).decode(errors="surrogateescape")

    def _encoded(self, value: str) -> str:
        """The header's own base64 is kept, for the chain compares what it says with the body."""
        opening, closing = _ENCODED
        try:
            plain = b64decode(value[len(opening) : -len(closing)], validate=True)
        except ValueError:
            return self._redactor.text(value.encode(errors="surrogateescape")).decode(errors="surrogateescape")
        found = self._redactor.text(plain)
        return value if found == plain else f"{opening}{b64encode(found).decode()}{closing}"

    def _malformed(self, fact: MessageMalformed) -> MessageMalformed:
        """Nobody can say where in it a secret ends: of bytes that seem to hold one only a keyed digest is kept."""
        plain = fact.frame.replace(b"\0", b"")  # as in UTF-16
        if self._redactor.may_hold(plain) or self._redactor.may_hold(fact.problem.encode(errors="replace")):
            problem = self._redactor.text(fact.problem.encode(errors="replace")).decode(errors="replace")
            digest = self._redactor.digest(fact.frame)
            return replace(fact, frame=b"", digest=digest, problem=problem)
        return fact

    def _payload(self, fact: Any, known: frozenset[bytes], names: frozenset[str]) -> Any:
        payload: bytes = fact.payload
        stored = self._json(payload, known, names)
        return fact if stored is payload else replace(fact, payload=stored)

    def _brought(self, fact: InputBrought | TaskChanged) -> Observed:
        found: Observed = self._payload(fact, _NONE_KNOWN, _NONE)
        return found

    def _question(self, fact: InputWanted, known: frozenset[bytes], names: frozenset[str]) -> InputWanted:
        stored = self._json(fact.params, known, names)
        return fact if stored is fact.params else replace(fact, params=stored)

    def _described(self, fact: Any, _known: frozenset[bytes], _names: frozenset[str]) -> Any:
        """What describes arguments has their names for members, and no secrets behind them."""
        if not self._redactor.may_hold(fact.payload):
            return fact
        found = self._redactor.json(fact.payload, by_name=False).raw
        return fact if found == fact.payload else replace(fact, payload=told_as(found, fact.payload))

    def _returned(self, fact: CallReturned, known: frozenset[bytes], names: frozenset[str]) -> CallReturned:
        found: CallReturned = self._payload(fact, known, names)
        if not fact.detail:
            return found
        return replace(found, detail=str.__str__(self._text(fact.detail, known)))

    def _log(self, fact: MessageLogged, known: frozenset[bytes], names: frozenset[str]) -> MessageLogged:
        logger = self._text(fact.logger, known)
        found: MessageLogged = self._payload(fact, known, names)
        return found if logger is fact.logger else replace(found, logger=logger)

    def _progress(self, fact: ProgressReported, known: frozenset[bytes], _names: frozenset[str]) -> ProgressReported:
        message = self._text(fact.message, known)
        return fact if message is fact.message else replace(fact, message=message)

    def _failure(self, fact: CallFailed, known: frozenset[bytes], _names: frozenset[str]) -> CallFailed:
        message, data, detail = self._text(fact.message, known), fact.data, self._text(fact.detail, known)
        if data is not None:
            raw = orjson.dumps(data)
            stored = self._json(raw, known, _NONE)
            if stored is not raw:
                data = told_as(parse(bytes(stored)), data)  # orjson reads no subclass
        if message is fact.message and data is fact.data and detail is fact.detail:
            return fact
        return replace(fact, message=message, data=data, detail=str.__str__(detail))

    def _json(self, raw: bytes, known: frozenset[bytes], names: frozenset[str]) -> bytes:
        if not (known or names or self._redactor.may_hold(raw)):
            return raw
        found = self._redactor.json(raw, known=known, names=names, within="structuredContent").raw
        return raw if found == raw else told_as(found, raw)

    def _text(self, text: str, known: frozenset[bytes]) -> str:
        if not text:
            return text
        raw = text.encode(errors="surrogatepass")
        if not (known or self._redactor.may_hold(raw)):
            return text
        found = self._redactor.text(raw, known)
        return text if found == raw else told_as(found.decode(errors="replace"), text)
