"""Arguments that a header repeats: what a tool's schema says of them (MCP 2026-07-28, server/tools)."""

import re
from typing import Any, Final

from msgspec import Meta

from mcp_server.features.typed import Schema
from mcp_server.features.unusable import Unusable
from operators.param_headers import ParamHeader

MARK: Final = "x-mcp-header"

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_TYPES: Final = ("string", "integer", "boolean")


def Header(name: str) -> Meta:  # noqa: N802 # it stands where a type's notes stand
    """Mark a parameter that HTTP clients repeat in the header ``Mcp-Param-<name>``, to be routed by.

    For strings, integers and booleans that are no secrets::

        async def query(text: str, region: Annotated[str, Header("Region")]) -> str: ...
    """
    return Meta(extra_json_schema={MARK: name})


def param_headers(tool: str, schema: Schema) -> tuple[ParamHeader, ...]:
    """The headers that a tool's schema marks.

    Raises:
        Unusable: A mark stands where clients would not find it, or makes no header.
    """
    found = tuple(_found(tool, schema, ()))
    names = [each.header for each in found]
    for name in names:
        if names.count(name) > 1:
            raise Unusable(f"{MARK}: two properties have the header {name!r}, whose case does not count")
    if _count(schema) > len(found):
        raise Unusable(f"{MARK} stands at properties only, and at those that properties alone lead to")
    return found


def _found(tool: str, schema: Schema, path: tuple[str, ...]) -> list[ParamHeader]:
    found = []
    for name, declared in schema.get("properties", {}).items():
        if not isinstance(declared, dict):
            continue
        here = (*path, name)
        if MARK in declared:
            _check(declared, ".".join(here))
            found.append(ParamHeader(tool, declared[MARK].lower(), here))
        found += _found(tool, declared, here)
    return found


def _check(declared: Schema, where: str) -> None:
    if not isinstance(declared[MARK], str) or not _TOKEN.match(declared[MARK]):
        raise Unusable(f"{MARK} of {where} must be a header's name (RFC 9110, section 5.6.2)")
    if declared.get("type") not in _TYPES:
        raise Unusable(f"{MARK} of {where}: only a string, an integer or a boolean can be repeated in a header")


def _count(value: Any) -> int:
    """The marks in a schema, wherever they stand; a property may have that name, too."""
    if isinstance(value, dict):
        return sum(_count(each) for each in value.values()) + (isinstance(value.get(MARK), str))
    return sum(map(_count, value)) if isinstance(value, list) else 0
