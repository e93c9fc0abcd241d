"""Lists in pages (MCP, server/utilities/pagination)."""

import base64
import zlib
from typing import Any

from events.codes import INVALID_PARAMS
from mcp_server.calls import CallRefused
from mcp_server.features.encode import to_json


class Pages:
    """One list, cut into pages and encoded once.

    A cursor names a place in this very list: after the list has changed, an old cursor is refused rather than
    answered with some entries twice or never.
    """

    def __init__(self, member: str, entries: list[dict[str, Any]], size: int, end: bytes) -> None:
        """``member`` is what the list is called in a result, ``end`` how the result ends."""
        mark = zlib.crc32(to_json(entries))
        starts = range(0, max(len(entries), 1), size)
        self._pages: dict[str | None, bytes] = {}
        for start in starts:
            page: dict[str, Any] = {member: entries[start : start + size]}
            if start + size < len(entries):
                page["nextCursor"] = _cursor(mark, start + size)
            self._pages[_cursor(mark, start) if start else None] = to_json(page)[:-1] + end

    def page(self, params: dict[str, Any]) -> bytes:
        """The page that ``params`` asks for.

        Raises:
            CallRefused: The cursor is none of this list's; an empty string is one such.
        """
        cursor = params.get("cursor")
        page = self._pages.get(cursor) if cursor is None or type(cursor) is str else None
        if page is None:
            raise CallRefused(INVALID_PARAMS, "unknown cursor; start again without one")
        return page


def _cursor(mark: int, start: int) -> str:
    return base64.urlsafe_b64encode(mark.to_bytes(4, "big") + start.to_bytes(4, "big")).decode().rstrip("=")
