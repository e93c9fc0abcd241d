"""Lists as their reader may see them: what somebody may not use is not in them.

The whole list is asked for, page by page, and cut into pages anew, so that cursors follow what is seen. Whether an
entry is seen is what the same table says that decides about its use.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import msgspec
import orjson

from events.codes import INVALID_PARAMS
from mcp_server.calls import Answer, Call, CallRefused, Teller
from mcp_server.features.encode import to_json
from mcp_server.features.pages import Pages
from operators.access import Caller, Table


class Answering(Protocol):
    """Carries out requests."""

    def __call__(self, call: Call, teller: Teller) -> Awaitable[Answer]:
        """Carry one out.

        Raises:
            CallRefused: It ends with a JSON-RPC error.
        """


class Served(Protocol):
    """All that is served; see :class:`mcp_server.extensions.extended.Extended`."""

    def answer(self, call: Call, teller: Teller) -> Awaitable[Answer]:
        """Carry out a request."""

    def is_read_only(self, method: str, name: str) -> bool:
        """Whether the request acts on nothing."""


LISTED: Final = {
    "tools/list": ("tools", "name", "tools/call"),
    "prompts/list": ("prompts", "name", "prompts/get"),
    "prompts/search": ("prompts", "name", "prompts/get"),
    "resources/list": ("resources", "uri", "resources/read"),
    "resources/templates/list": ("resourceTemplates", "uriTemplate", "resources/read"),
}
"""Each list with the member of its result that holds the entries, what names an entry, and what it is used by."""

MOST_PAGES: Final = 10_000
"""Pages of a list that are put together."""

_SUGGESTING: Final = {"tools/call": "tools/call", "prompts/get": "prompts/get", "completion/complete": "prompts/get"}
"""What is refused with names like the one that was asked for, and what those are used by."""

_PUBLIC: Final = b'"cacheScope":"public"'  # as ``Resource.read`` ends; in the contents its quotes are escaped
_PRIVATE: Final = b'"cacheScope":"private"'

_HINT: Final = "; did you mean "  # what ``refusals.unknown`` writes before them


class Visible:
    """Answers as ``served`` does, and shows callers only what they may use.

    Args:
        served: Carries out every request.
        table: The table in force; without rules it is not asked, and nothing stands between a call and its answer.
        caller: Who owns a session, by its id.
        page_size: Entries of a list that are sent at once.

    Attributes:
        answer: Carries out a request.
        is_read_only: As ``served`` says.
    """

    answer: Answering

    def __init__(self, served: Served, table: Table, caller: Callable[[str], Caller], page_size: int) -> None:
        self._answering: Answering = served.answer
        self._caller = caller
        self._page_size = page_size
        self.is_read_only = served.is_read_only
        self.follow(table)

    def follow(self, table: Table) -> None:
        """Go by another table from here on."""
        self._table = table
        self.answer = self._seen if table else self._answering

    def _seen(self, call: Call, teller: Teller) -> Awaitable[Answer]:
        if call.method in LISTED:
            return self._list(call, teller)
        if call.method == "resources/read":
            return self._read(call, teller)
        return self._other(call, teller) if call.method in _SUGGESTING else self._answering(call, teller)

    async def _list(self, call: Call, teller: Teller) -> Answer:
        member, named, use = LISTED[call.method]
        result = await self._whole(call, teller, member)
        table, caller = self._table, self._caller(call.session)
        seen = [entry for entry in result.pop(member) if table.decide(caller, use, entry[named]).allowed]
        if "cacheScope" in result:
            result["cacheScope"] = "private"  # another may see another list (2026-07-28, server/utilities/caching)
        end = b"," + to_json(result)[1:] if result else b"}"
        if call.method == "prompts/search":  # which has no pages
            return Answer(to_json({member: seen})[:-1] + end)
        return Answer(Pages(member, seen, self._page_size, end).page(call))

    async def _whole(self, call: Call, teller: Teller, member: str) -> dict[str, Any]:
        """The first page with the entries of all."""
        params = {key: value for key, value in call.params.items() if key != "cursor"}
        first: dict[str, Any] = {}
        for _ in range(MOST_PAGES):
            asked = msgspec.structs.replace(call, params=params)
            page = orjson.loads((await self._answering(asked, teller)).payload)
            cursor = page.pop("nextCursor", None)
            if first:
                first[member] += page[member]
            else:
                first = page
            if cursor is None:
                break
            params = {**params, "cursor": cursor}
        return first

    async def _read(self, call: Call, teller: Teller) -> Answer:
        """A resource: whoever may read it may not pass it on from a cache to somebody who may not."""
        answer = await self._answering(call, teller)
        head, found, tail = answer.payload.rpartition(_PUBLIC)
        return Answer(head + _PRIVATE + tail, answer.is_error) if found else answer

    async def _other(self, call: Call, teller: Teller) -> Answer:
        """A request whose refusal may name others like the one that was asked for: only those that are seen."""
        try:
            return await self._answering(call, teller)
        except CallRefused as refused:
            near = (refused.data or {}).get("near")
            if refused.code != INVALID_PARAMS or not isinstance(near, list):
                raise
            table, caller, use = self._table, self._caller(call.session), _SUGGESTING[call.method]
            seen = [name for name in near if table.decide(caller, use, name).allowed]
            if seen == near:
                raise
            plain = refused.message.rpartition(_HINT)[0]
            hint = f"{_HINT}{' or '.join(seen)}?" if seen else ""
            raise CallRefused(refused.code, plain + hint, {**(refused.data or {}), "near": seen}) from None
