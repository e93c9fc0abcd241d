from pathlib import Path

import pytest

from mcp_server.calls import CallRefused
from mcp_server.features.server import MCPServer
from mcp_server.plugins.files import mime_type, offer_files
from mcp_server.plugins.workspace import Workspace
from tests.mcp_server.asking import ask
from tests.mcp_server.plugins.samples import refused, told


@pytest.fixture
def server(tmp_path: Path) -> MCPServer:
    for path in ("a.py", "b/c d.js", "b/é.h", "b/z.py", "x.txt"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(f"text of {path}")
    (tmp_path / "latin").write_bytes(b"caf\xe9")
    (tmp_path / "binary").write_bytes(b"\0")
    made = MCPServer("test")
    offer_files(made, Workspace(tmp_path))
    return made


@pytest.mark.parametrize(
    ("uri", "text", "kind"),
    [
        ("workspace://a.py", "text of a.py", "text/x-python"),
        ("workspace://b/c%20d.js", "text of b/c d.js", "text/javascript"),
        ("workspace://b/%C3%A9.h", "text of b/é.h", "text/x-chdr"),
    ],
)
async def test_a_file_is_a_resource(server: MCPServer, uri: str, text: str, kind: str) -> None:
    (contents,) = (await ask(server, "resources/read", {"uri": uri}))["contents"]
    assert (contents["uri"], contents["text"], contents["mimeType"]) == (uri, text, kind)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("nothing.py", "resource not found"),
        ("..%2fsecret", "is not served"),
        ("%2e%2e/secret", "is not served"),
        ("/etc/passwd", "is not served"),
        ("binary", "binary is binary"),
        ("latin", "latin is no UTF-8 text: byte 3 is wrong"),
    ],
)
async def test_what_is_no_file_to_be_shown_is_refused_with_the_reason(
    server: MCPServer, path: str, reason: str
) -> None:
    with pytest.raises(CallRefused, match=reason):
        await ask(server, "resources/read", {"uri": f"workspace://{path}"})


async def test_the_pages_of_the_list_hold_each_file_once(server: MCPServer) -> None:
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        page = await told(server, "workspace_files", after=after, limit=2)
        assert len(page["files"]) <= 2
        seen += [file["path"] for file in page["files"]]
        after = page["next"]
    assert seen == ["a.py", "b/c d.js", "b/z.py", "b/é.h", "binary", "latin", "x.txt"]


async def test_a_page_goes_on_after_a_file_that_has_gone(server: MCPServer) -> None:
    page = await told(server, "workspace_files", after="b/gone.py", limit=1)
    assert page["files"] == [{"path": "b/z.py", "size": 14}]


async def test_the_list_can_be_of_a_folder_or_of_an_ending(server: MCPServer) -> None:
    assert [each["path"] for each in (await told(server, "workspace_files", suffix=".py"))["files"]] == [
        "a.py",
        "b/z.py",
    ]
    assert len((await told(server, "workspace_files", folder="b"))["files"]) == 3
    assert "the folder c is not served" in await refused(server, "workspace_files", folder="c")


async def test_a_path_is_completed_while_it_is_typed(server: MCPServer) -> None:
    ref = {"type": "ref/resource", "uri": "workspace://{+path}"}
    for typed, found in (("b/", ["b/c d.js", "b/z.py", "b/é.h"]), ("a", ["a.py"]), ("../", [])):
        answer = await ask(server, "completion/complete", {"ref": ref, "argument": {"name": "path", "value": typed}})
        assert answer["completion"]["values"] == found


def test_types_of_sources_that_systems_do_not_know_are_known() -> None:
    assert mime_type("a/b.mjs") == "text/javascript"
    assert mime_type("LICENSE") == "text/plain"
