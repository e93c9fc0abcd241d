"""Headers that repeat arguments of tools, so that what stands between can route by them.

Source: MCP 2026-07-28, basic/transports, ``Mcp-Param-*``, and server/tools, ``x-mcp-header``.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from msgspec import Struct

from operators.encoded_word import plain

PREFIX: Final = "mcp-param-"

_TRUTH: Final = {True: "true", False: "false"}


class ParamHeader(Struct, frozen=True, gc=False):
    """An argument that a header repeats.

    Attributes:
        tool: The tool whose argument it is.
        header: The header's name after ``Mcp-Param-``, in lower case.
        path: The properties that lead to the argument.
    """

    tool: str
    header: str
    path: tuple[str, ...]


class ParamHeaders:
    """The headers that calls of tools have to bring."""

    def __init__(self, headers: Iterable[ParamHeader]) -> None:
        self._by_tool: dict[str, list[ParamHeader]] = {}
        for each in headers:
            self._by_tool.setdefault(each.tool, []).append(each)

    def __bool__(self) -> bool:
        return bool(self._by_tool)

    def problem(self, tool: str, arguments: object, sent: Mapping[str, str]) -> str:
        """What is wrong with the headers of a call, in words for its sender; empty when nothing is."""
        for each in self._by_tool.get(tool, ()):
            value = _at(arguments, each.path)
            text = sent.get(each.header)
            if value is None and text is None:
                continue
            name = f"the header Mcp-Param-{each.header}"
            if text is None:
                return f"{name} is missing, and the argument {'.'.join(each.path)} is there"
            if value is None:
                return f"{name} is there, and the argument {'.'.join(each.path)} is not"
            if not _same(plain(text.strip(" \t")), value):
                return f"{name} does not say what the argument {'.'.join(each.path)} does"
        return ""


def _at(value: Any, path: Sequence[str]) -> Any:
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _same(text: str | None, value: Any) -> bool:
    if text is None:
        return False
    if type(value) is bool:
        return text == _TRUTH[value]
    if type(value) is int or type(value) is float:
        try:
            return Decimal(text) == Decimal(repr(value))
        except InvalidOperation:
            return False
    return bool(text == value)
