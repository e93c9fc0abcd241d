"""Lists in pages (MCP, server/utilities/pagination)."""

import hashlib
from typing import Any, Final

from adapters.seal import Broken
from events.codes import INVALID_PARAMS
from mcp_server.calls import Call, CallRefused
from mcp_server.features.encode import to_json

_PUBLIC: Final = b'"cacheScope":"public"'  # within a text its quotes are escaped
_PRIVATE: Final = b'"cacheScope":"private"'

_START: Final = 8
"""Bytes in which a cursor holds where its page begins."""


class Pages:
    """One list, cut into pages and encoded once.

    A cursor names a place in this very list: after the list has changed, an old cursor is refused rather than
    answered with some entries twice or never. It is sealed for the caller whose page it was on: another can do nothing
    with it, and so a page with one is not to be shared.
    """

    def __init__(self, member: str, entries: list[dict[str, Any]], size: int, end: bytes) -> None:
        """``member`` is what the list is called in a result, ``end`` how the result ends."""
        self._mark = hashlib.sha256(to_json({member: entries})).digest()
        starts = range(0, max(len(entries), 1), size)
        self._pages = {start: to_json({member: entries[start : start + size]})[:-1] for start in starts}
        self._last = starts[-1]
        self._size = size
        self._end = end if len(starts) == 1 else end.replace(_PUBLIC, _PRIVATE)

    def page(self, call: Call) -> bytes:
        """The page that a call asks for.

        Raises:
            CallRefused: The cursor is none of this list's for this caller; an empty string is one such.
        """
        start = self._start(call)
        if start == self._last:
            return self._pages[start] + self._end
        place = self._mark + (start + self._size).to_bytes(_START)
        cursor = call.lent.cursors.close(place, call.principal).encode()
        return b'%s,"nextCursor":"%s"%s' % (self._pages[start], cursor, self._end)

    def _start(self, call: Call) -> int:
        cursor = call.params.get("cursor")
        if cursor is None:
            return 0
        try:
            place = call.lent.cursors.open(cursor, call.principal) if isinstance(cursor, str) else b""
        except Broken:
            place = b""
        start = int.from_bytes(place[-_START:])
        if place[:-_START] != self._mark or start not in self._pages:
            raise CallRefused(INVALID_PARAMS, "unknown cursor; start again without one")
        return start
