"""From what a tool returned to the result that the client receives."""

from typing import Any, Final

import msgspec
from msgspec import Struct

from mcp_server.calls import Answer
from mcp_server.features.content import Block, Text
from mcp_server.features.encode import Unencodable, plain_to_json, text_to_json, to_plain
from mcp_server.features.envelope import Envelope
from mcp_server.features.typed import Schema
from mcp_server.features.validate import Validator, clip
from operators.versions import MODERN

_CONTENT: Final = b'{"content":['
_TEXT: Final = b'{"type":"text","text":'
_ONE_TEXT: Final = _CONTENT + _TEXT
_ERROR_CLIP: Final = 4000


class ToolError(Exception):
    """Something went wrong that the model may hear of: the text is the result, marked as an error."""


class Result(Struct, frozen=True, kw_only=True):
    """A tool's result in full, for tools that decide on more than a value.

    Attributes:
        content: Blocks for the model; a ``str`` is a text block.
        structured: A value for programs; left out when unset.
        is_error: Whether the tool failed.
        meta: The result's ``_meta``.
    """

    content: tuple[Block | str, ...] | list[Block | str] = ()
    structured: Any = msgspec.UNSET
    is_error: bool = False
    meta: dict[str, Any] | None = None


class Results:
    """How the results of one tool are written.

    Args:
        envelope: How results end.
        output: The tool's output schema; None when it has none.
        limit: The most bytes a result may have.
    """

    def __init__(self, envelope: Envelope, output: Schema | None, limit: int) -> None:
        self._envelope = envelope
        self._validator = None if output is None else Validator(output)
        self._wrapped = output is not None and not is_object(output)
        self.limit = limit

    def of(self, value: Any, version: str) -> Answer:
        """The answer for what a tool returned."""
        try:
            if type(value) is str and self._validator is None:
                payload = _ONE_TEXT + text_to_json(value) + b"}]" + self._envelope.end(version)
                return Answer(payload) if len(payload) <= self.limit else self._sized(Answer(payload), version)
            if isinstance(value, Result):
                return self._sized(self._full(value, version), version)
            if self._validator is None and (blocks := blocks_of(value)) is not None:
                return self.blocks(blocks, version)
            return self._sized(self._structured(value, version), version)
        except Unencodable as error:
            return self.error(f"the tool's result cannot be sent: {error}", version)

    def blocks(self, blocks: list[bytes], version: str) -> Answer:
        """The answer that holds these content blocks."""
        return self._sized(Answer(b"%b%b]%b" % (_CONTENT, b",".join(blocks), self._envelope.end(version))), version)

    def error(self, text: str, version: str) -> Answer:
        """The answer for a tool that failed; the model reads ``text``."""
        text = clip(text.encode(errors="replace").decode(), _ERROR_CLIP)
        json = Text(text).json()
        return Answer(b'%b%b],"isError":true%b' % (_CONTENT, json, self._envelope.end(version)), is_error=True)

    def _sized(self, answer: Answer, version: str) -> Answer:
        if len(answer.payload) <= self.limit:
            return answer
        return self.error(f"the tool's result has {len(answer.payload)} bytes; at most {self.limit} are sent", version)

    def _structured(self, value: Any, version: str) -> Answer:
        plain = to_plain(value)
        json = plain_to_json(plain)
        if problem := self._mismatch(plain):
            return self.error(problem, version)
        body = b"%b]" % (_ONE_TEXT + text_to_json(json.decode()) + b"}")
        if self._validator is not None or isinstance(plain, dict):
            body += b',"structuredContent":' + self._rooted(json, version)
        return Answer(body + self._envelope.end(version))

    def _full(self, result: Result, version: str) -> Answer:
        blocks = [block for item in result.content for block in any_blocks(item)]
        structured = b""
        if result.structured is not msgspec.UNSET:
            plain = to_plain(result.structured)
            json = plain_to_json(plain)
            if not result.is_error and (problem := self._mismatch(plain)):
                return self.error(problem, version)
            blocks = blocks or [_TEXT + text_to_json(json.decode()) + b"}"]
            structured = b',"structuredContent":' + self._rooted(json, version)
        failed = b',"isError":true' if result.is_error else b""
        end = self._envelope.end(version, result.meta)
        return Answer(b"%b%b]%b%b%b" % (_CONTENT, b",".join(blocks), structured, failed, end), result.is_error)

    def _mismatch(self, plain: Any) -> str:
        if self._validator is None or self._validator.is_valid(plain):
            return ""
        problem = self._validator.explain(plain, "result")
        return f"the tool's result does not match its output schema\n{problem}"

    def _rooted(self, json: bytes, version: str) -> bytes:
        """Before 2026-07-28 ``structuredContent`` is an object (server/tools), so other values go into one."""
        if version in MODERN or not (self._wrapped or not json.startswith(b"{")):
            return json
        return b'{"result":%b}' % json


def blocks_of(value: Any) -> list[bytes] | None:
    """The content blocks that ``value`` stands for; None when it is a value for programs.

    Raises:
        Unencodable: It has no JSON form.
    """
    match value:
        case None:
            return []
        case str():
            return [_TEXT + text_to_json(str.__str__(value)) + b"}"]  # of an Enum, its value
        case Block():
            return [_block(value)]
        case bytes() | bytearray() | memoryview():
            raise Unencodable("bytes say not what they are; return an Image, Audio or Embedded")
        case list() | tuple() if any(isinstance(item, Block) for item in value):
            return [block for item in value for block in any_blocks(item)]
    return None


def any_blocks(value: Any) -> list[bytes]:
    """Like :func:`blocks_of`, with a value for programs as a text block of its JSON.

    Raises:
        Unencodable: It has no JSON form.
    """
    blocks = blocks_of(value)
    if blocks is None:
        json = plain_to_json(to_plain(value))
        blocks = [_TEXT + text_to_json(json.decode()) + b"}"]
    return blocks


def is_object(schema: Schema) -> bool:
    """Whether only objects fit ``schema``."""
    return schema.get("type") == "object"


def as_object(schema: Schema) -> Schema:
    """The schema as versions before 2026-07-28 want it: of an object."""
    if is_object(schema):
        return schema
    inner = {key: value for key, value in schema.items() if key not in ("$defs", "$schema")}
    outer = {key: value for key, value in schema.items() if key in ("$defs", "$schema")}
    return {**outer, "type": "object", "properties": {"result": inner}, "required": ["result"]}


def _block(block: Block) -> bytes:
    try:
        return block.json()
    except (TypeError, ValueError) as error:
        raise Unencodable(f"a {type(block).__name__} cannot be written as JSON: {error}") from error
