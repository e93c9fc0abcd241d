import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.codes import INVALID_PARAMS
from mcp_server.calls import Call, CallRefused
from mcp_server.features.pages import Pages
from mcp_server.features.server import MCPServer
from tests.mcp_server.asking import NEW, OLD, ask


def asked(cursor: Any = None, principal: str = "alice") -> Call:
    params = {} if cursor is None else {"cursor": cursor}
    return Call("s", 1, principal, "tools/list", params, NEW)


def flipped(cursor: str) -> Iterator[str]:
    """The cursor with each bit of each character another."""
    for place, character in enumerate(cursor):
        for bit in range(7):
            yield cursor[:place] + chr(ord(character) ^ 1 << bit) + cursor[place + 1 :]


PAIR = [{"name": "a"}, {"name": "b"}]


@given(st.integers(0, 60), st.integers(1, 20))
def test_the_pages_hold_every_entry_once_and_in_order(count: int, size: int) -> None:
    entries = [{"name": f"tool_{number}"} for number in range(count)]
    pages = Pages("tools", entries, size, b"}")
    seen: list[Any] = []
    cursor = None
    for _ in range(count + 1):
        page = json.loads(pages.page(asked(cursor)))
        assert len(page["tools"]) <= size
        seen += page["tools"]
        if "nextCursor" not in page:
            break
        cursor = page["nextCursor"]
    assert seen == entries


@pytest.mark.parametrize("cursor", ["", "AAAA", "x" * 10_000, 0, 2, True, [], {}, 1.5])
def test_a_cursor_that_was_not_given_out_is_refused(cursor: Any) -> None:
    pages = Pages("tools", PAIR, 1, b"}")
    with pytest.raises(CallRefused, match="unknown cursor; start again without one") as refused:
        pages.page(asked(cursor))
    assert refused.value.code == INVALID_PARAMS


def test_a_cursor_of_another_list_is_refused() -> None:
    before = json.loads(Pages("tools", PAIR, 1, b"}").page(asked()))["nextCursor"]
    assert Pages("tools", PAIR, 1, b"}").page(asked(before)) == b'{"tools":[{"name":"b"}]}'
    for member, entries in [("tools", [{"name": "a"}, {"name": "c"}]), ("prompts", PAIR)]:
        with pytest.raises(CallRefused):
            Pages(member, entries, 1, b"}").page(asked(before))


def test_a_cursor_of_another_caller_or_with_one_bit_changed_is_as_unknown_as_any() -> None:
    pages = Pages("tools", PAIR, 1, b"}")
    cursor = json.loads(pages.page(asked()))["nextCursor"]
    calls = [asked(cursor, "bob"), *(asked(changed) for changed in flipped(cursor))]
    assert len(calls) == 1 + 7 * len(cursor)
    for call in calls:
        with pytest.raises(CallRefused, match="unknown cursor; start again without one"):
            pages.page(call)


def test_a_page_with_a_cursor_is_not_to_be_shared() -> None:
    end = b',"cacheScope":"public"}'
    assert b"public" in Pages("tools", PAIR, 2, end).page(asked())
    paged = Pages("tools", PAIR, 1, end)
    cursor = json.loads(paged.page(asked()))["nextCursor"]
    for call in (asked(), asked(cursor)):
        assert json.loads(paged.page(call))["cacheScope"] == "private"


@pytest.mark.parametrize("version", [OLD, NEW])
async def test_every_list_comes_in_pages(version: str) -> None:
    server = MCPServer("test", page_size=2, list_ttl=7.5)
    for number in range(5):
        server.tool(f"tool_{number}")(lambda: None)
        server.resource(f"r://{number}")(lambda: "")
        server.resource(f"t{number}://{{x}}")(lambda x: "")
        server.prompt(f"prompt_{number}")(lambda: "")

    members = {"tools": "tools", "resources": "resources", "resources/templates": "resourceTemplates"}
    for method, member in (members | {"prompts": "prompts"}).items():
        lengths: list[int] = []
        cursor: str | None = None
        while True:
            params = {} if cursor is None else {"cursor": cursor}
            page = await ask(server, f"{method}/list", params, version)
            lengths.append(len(page[member]))
            fresh = (page.get("ttlMs"), page.get("cacheScope"))
            assert fresh == ((7500, "private") if version == NEW else (None, None))
            if (cursor := page.get("nextCursor")) is None:
                break
        assert lengths == [2, 2, 1]


def test_a_page_holds_at_least_one_entry() -> None:
    with pytest.raises(ValueError, match="at least one"):
        MCPServer("test", page_size=0)
