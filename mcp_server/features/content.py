"""Content blocks, as functions return them and as clients receive them (MCP, server/tools).

Binary data is given as bytes and travels as base64.
"""

from typing import Any, Literal

import msgspec
from msgspec import Struct

from mcp_server.features.icons import Icon


class Annotations(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Hints on who a block is for.

    Attributes:
        audience: Whom it is meant for.
        priority: From 0 (may be left out) to 1 (needed).
        last_modified: An ISO 8601 time.
    """

    audience: tuple[Literal["user", "assistant"], ...] | None = None
    priority: float | None = None
    last_modified: str | None = None


class Block(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel", tag_field="type"):
    """One content block; use its subclasses."""

    annotations: Annotations | None = None
    meta: dict[str, Any] | None = msgspec.field(default=None, name="_meta")

    def json(self) -> bytes:
        """The block as a client receives it."""
        return _encode(self)


class Contents(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """What a resource holds: either text or bytes.

    Attributes:
        uri: Where it stands; empty for the URI that was asked for.
        text: Text.
        blob: Bytes.
        mime_type: What kind of text or bytes; None when unknown.
    """

    uri: str = ""
    text: str | None = None
    blob: bytes | None = None
    mime_type: str | None = None
    meta: dict[str, Any] | None = msgspec.field(default=None, name="_meta")

    def __post_init__(self) -> None:
        if (self.text is None) == (self.blob is None):
            raise ValueError("the contents of a resource are either text or blob")


class Text(Block, frozen=True, tag="text"):
    """Text for the model."""

    text: str


class Image(Block, frozen=True, tag="image"):
    """A picture: its file's bytes and their type, such as ``image/png``."""

    data: bytes
    mime_type: str


class Audio(Block, frozen=True, tag="audio"):
    """A sound: its file's bytes and their type, such as ``audio/wav``."""

    data: bytes
    mime_type: str


class ResourceLink(Block, frozen=True, tag="resource_link"):
    """Points to a resource that the client may read. ``size`` is in bytes."""

    uri: str
    name: str
    title: str | None = None
    description: str | None = None
    mime_type: str | None = None
    size: int | None = None
    icons: tuple[Icon, ...] = ()


class Embedded(Block, frozen=True, tag="resource"):
    """Brings a resource's contents along."""

    resource: Contents


_encode = msgspec.json.Encoder().encode
