"""What a function may ask of the client while it runs: its user, its model, its roots (MCP, client features)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Struct

from mcp_server.features.encode import to_json
from mcp_server.features.typed import Schema, check_type, type_schema
from mcp_server.features.validate import Validator, clip
from operators.versions import MODERN

Kind = TypeVar("Kind")


class BadAnswer(ValueError):
    """A client answered something else than it was asked for; says where it stands and what is wrong with it."""


class Reply(Struct, frozen=True):
    """What a user made of a form or a link.

    Attributes:
        action: ``accept``, ``decline`` (no) or ``cancel`` (nothing was decided).
        content: What was filled in; empty unless it was accepted.
    """

    action: Literal["accept", "decline", "cancel"]
    content: dict[str, Any] = {}

    def __bool__(self) -> bool:
        return self.action == "accept"


class Sampled(Struct, frozen=True, rename="camel"):
    """What the client's model made of a :class:`Sample`.

    Attributes:
        role: Who speaks.
        content: The content blocks, as the client sent them.
        model: Which model it was.
        stop_reason: Why it stopped; None when the client does not say.
    """

    role: Literal["user", "assistant"]
    content: list[dict[str, Any]]
    model: str
    stop_reason: str | None = None

    @property
    def text(self) -> str:
        """The text of all blocks together."""
        return "".join(str(block.get("text", "")) for block in self.content if block.get("type") == "text")


class Root(Struct, frozen=True):
    """A folder or file that the client has opened for the server: a ``file://`` URI, and its name if it has one."""

    uri: str
    name: str | None = None


class Form:
    """Ask the user to fill in a form (MCP, client/elicitation). Never ask for secrets in one.

    Args:
        message: What it is for, in words for the user.
        fields: The type of each field by name, where all are to be filled in; or a JSON Schema of a flat object.

    Raises:
        Unusable: A field has a type without a JSON form.
        BadSchema: The schema cannot be used.
    """

    method: Final = "elicitation/create"

    def __init__(self, message: str, fields: Mapping[str, Any]) -> None:
        self.message = message
        self.schema: Schema = dict(fields) if fields.get("type") == "object" else _schema(fields)
        self._validator = Validator(self.schema)

    def params(self, version: str, _id: str) -> dict[str, Any]:
        """What the client is sent."""
        mode = {"mode": "form"} if version in MODERN else {}  # before 2025-11-25 there was no other, and no word for it
        return {**mode, "message": self.message, "requestedSchema": self.schema}

    def needs(self, capabilities: Mapping[str, Any]) -> Schema | None:
        """What the client would have to be able to do; None when it can."""
        found = capabilities.get("elicitation")
        able = isinstance(found, dict) and ("form" in found or "url" not in found)
        return None if able else {"elicitation": {}}

    def read(self, answer: dict[str, Any], place: str) -> Reply:
        """Understand the answer. Raises ``BadAnswer``."""
        reply = _converted(answer, Reply, place)
        if reply and not self._validator.is_valid(reply.content):
            raise BadAnswer(self._validator.explain(reply.content, f"{place}.content"))
        return reply


class Link:
    """Ask the user to open a URL, for what must not pass through the client, such as a password or a payment.

    Args:
        message: Why, in words for the user.
        url: Where to. It holds nothing about the user, and nobody is let in for having it.
    """

    method: Final = "elicitation/create"

    def __init__(self, message: str, url: str) -> None:
        self.message = message
        self.url = url

    def params(self, version: str, id: str) -> dict[str, Any]:
        """What the client is sent."""
        named = {} if version in MODERN else {"elicitationId": id}
        return {"mode": "url", "message": self.message, "url": self.url, **named}

    def needs(self, capabilities: Mapping[str, Any]) -> Schema | None:
        """What the client would have to be able to do; None when it can."""
        found = capabilities.get("elicitation")
        return None if isinstance(found, dict) and "url" in found else {"elicitation": {"url": {}}}

    def read(self, answer: dict[str, Any], place: str) -> Reply:
        """Understand the answer. Raises ``BadAnswer``."""
        return _converted(answer, Reply, place)


class Sample:
    """Have the client's model go on from some messages (MCP, client/sampling).

    Args:
        messages: What was said: a text for one message of the user, or messages as the protocol writes them.
        max_tokens: How much the model may say.
        system: How it is to behave; the client may leave it out.
        options: Other members of the request, as the protocol names them, such as ``temperature``.
    """

    method: Final = "sampling/createMessage"

    def __init__(
        self, messages: str | Sequence[Mapping[str, Any]], *, max_tokens: int, system: str = "", **options: Any
    ) -> None:
        self._params: dict[str, Any] = {
            "messages": [_said(messages)] if isinstance(messages, str) else list(messages),
            "maxTokens": max_tokens,
            **({"systemPrompt": system} if system else {}),
            **options,
        }
        to_json(self._params)  # what cannot be sent is found where it is written

    def params(self, _version: str, _id: str) -> dict[str, Any]:
        """What the client is sent."""
        return self._params

    def needs(self, capabilities: Mapping[str, Any]) -> Schema | None:
        """What the client would have to be able to do; None when it can."""
        found = capabilities.get("sampling")
        tools = bool(self._params.keys() & {"tools", "toolChoice"})
        if isinstance(found, dict) and (not tools or "tools" in found):
            return None
        return {"sampling": {"tools": {}} if tools else {}}

    def read(self, answer: dict[str, Any], place: str) -> Sampled:
        """Understand the answer. Raises ``BadAnswer``."""
        content = answer.get("content")
        return _converted({**answer, "content": [content] if isinstance(content, dict) else content}, Sampled, place)


class Roots:
    """Ask which folders and files the client has opened for the server: a hint, not a right (MCP, client/roots)."""

    method: Final = "roots/list"

    def params(self, _version: str, _id: str) -> dict[str, Any]:
        """What the client is sent."""
        return {}

    def needs(self, capabilities: Mapping[str, Any]) -> Schema | None:
        """What the client would have to be able to do; None when it can."""
        return None if isinstance(capabilities.get("roots"), dict) else {"roots": {}}

    def read(self, answer: dict[str, Any], place: str) -> list[Root]:
        """Understand the answer. Raises ``BadAnswer``."""
        return _converted(answer.get("roots"), list[Root], f"{place}.roots")


Question: TypeAlias = Form | Link | Sample | Roots


def _schema(fields: Mapping[str, Any]) -> Schema:
    for name, hint in fields.items():
        check_type(hint, f"the field {name}")
    schema = type_schema(msgspec.defstruct("fields", list(fields.items())))
    schema.pop("title", None)
    return schema


def _said(text: str) -> dict[str, Any]:
    return {"role": "user", "content": {"type": "text", "text": text}}


def _converted(value: Any, kind: type[Kind], place: str) -> Kind:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise BadAnswer(f"{place}: {clip(str(error))}") from error
