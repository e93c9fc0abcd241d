import base64
from pathlib import Path

import pytest

from mcp_server import Icon, MCPServer, ResourceLink, Unusable
from mcp_server.features.icons import LARGEST
from tests.mcp_server.asking import NEW, OLD, ask

SERVER = "io.modelcontextprotocol/serverInfo"
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.mark.parametrize("version", [OLD, NEW])
async def test_icons_of_all_kinds_reach_the_client(version: str, tmp_path: Path) -> None:
    (tmp_path / "pixel.png").write_bytes(PIXEL)
    far = Icon("https://shop.example/icon.svg", "image/svg+xml", ("48x48", "any"), "dark")
    near = Icon.of(tmp_path / "pixel.png", ("1x1",))
    server = MCPServer("shop", icons=[far])
    server.tool("buy", icons=[far, near])(lambda: "")
    server.prompt("praise", icons=[near])(lambda: "")
    server.resource("shop://today", icons=[near])(lambda: "")
    server.resource("shop://{day}", icons=[near])(lambda day: "")

    @server.tool
    def link() -> ResourceLink:
        """Point to a resource."""
        return ResourceLink(uri="shop://today", name="today", icons=(far,))

    far_shown = {
        "src": "https://shop.example/icon.svg",
        "mimeType": "image/svg+xml",
        "sizes": ["48x48", "any"],
        "theme": "dark",
    }
    data = base64.b64encode(PIXEL).decode()
    near_shown = {"src": f"data:image/png;base64,{data}", "mimeType": "image/png", "sizes": ["1x1"]}
    listed = await ask(server, "tools/list", {}, version)
    assert "icons" not in listed.get("_meta", {}).get(SERVER, {})  # or they would come with every result
    tools = listed["tools"]
    assert tools[0]["icons"] == [far_shown, near_shown]
    assert "icons" not in tools[1]
    for method, member in {
        "prompts": "prompts",
        "resources": "resources",
        "resources/templates": "resourceTemplates",
    }.items():
        ((entry),) = (await ask(server, f"{method}/list", {}, version))[member]
        assert entry["icons"] == [near_shown]
    (block,) = (await ask(server, "tools/call", {"name": "link"}, version))["content"]
    assert block["icons"] == [far_shown]
    if version == NEW:
        told = (await ask(server, "server/discover", {}, version))["_meta"][SERVER]
    else:
        told = (await ask(server, "initialize", {}, version))["serverInfo"]
    assert told["icons"] == [far_shown]


@pytest.mark.parametrize(
    "src",
    ["", "javascript:alert(1)", "file:///etc/passwd", "https://", "data:text/html;base64,AA", "data:image/png,x"],
)
def test_what_is_no_picture_is_refused(src: str) -> None:
    with pytest.raises(Unusable, match="an icon is at https"):
        Icon(src)


@pytest.mark.parametrize("size", ["48", "0x1", "48X48", "anything", ""])
def test_a_size_that_is_none_is_refused(size: str) -> None:
    with pytest.raises(Unusable, match="the size of an icon"):
        Icon("https://shop.example/i.png", sizes=(size,))


def test_a_file_that_is_no_picture_or_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "big.png").write_bytes(bytes(LARGEST + 1))
    with pytest.raises(Unusable, match="no picture by its name"):
        Icon.of(tmp_path / "notes.txt")
    with pytest.raises(Unusable, match=f"has {LARGEST + 1} bytes"):
        Icon.of(tmp_path / "big.png")
