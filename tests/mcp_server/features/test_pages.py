import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.codes import INVALID_PARAMS
from mcp_server.calls import CallRefused
from mcp_server.features.pages import Pages
from mcp_server.features.server import MCPServer
from tests.mcp_server.asking import NEW, OLD, ask


@given(st.integers(0, 60), st.integers(1, 20))
def test_the_pages_hold_every_entry_once_and_in_order(count: int, size: int) -> None:
    entries = [{"name": f"tool_{number}"} for number in range(count)]
    pages = Pages("tools", entries, size, b"}")
    seen: list[Any] = []
    params: dict[str, Any] = {}
    for _ in range(count + 1):
        page = json.loads(pages.page(params))
        assert len(page["tools"]) <= size
        seen += page["tools"]
        if "nextCursor" not in page:
            break
        params = {"cursor": page["nextCursor"]}
    assert seen == entries


@pytest.mark.parametrize("cursor", ["", "AAAA", "x" * 10_000, 0, 2, True, [], {}, 1.5])
def test_a_cursor_that_was_not_given_out_is_refused(cursor: Any) -> None:
    pages = Pages("tools", [{"name": "a"}, {"name": "b"}], 1, b"}")
    with pytest.raises(CallRefused, match="unknown cursor; start again without one") as refused:
        pages.page({"cursor": cursor})
    assert refused.value.code == INVALID_PARAMS


def test_a_cursor_of_another_list_is_refused() -> None:
    before = json.loads(Pages("tools", [{"name": "a"}, {"name": "b"}], 1, b"}").page({}))["nextCursor"]
    with pytest.raises(CallRefused):
        Pages("tools", [{"name": "a"}, {"name": "c"}], 1, b"}").page({"cursor": before})


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
            assert fresh == ((7500, "public") if version == NEW else (None, None))
            if (cursor := page.get("nextCursor")) is None:
                break
        assert lengths == [2, 2, 1]


def test_a_page_holds_at_least_one_entry() -> None:
    with pytest.raises(ValueError, match="at least one"):
        MCPServer("test", page_size=0)
