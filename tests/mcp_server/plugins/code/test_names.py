from pathlib import Path
from typing import Any

import pytest

from mcp_server.features.server import MCPServer
from mcp_server.plugins.c import plugin as c_plugin
from mcp_server.plugins.code import names
from mcp_server.plugins.js import plugin as js_plugin
from mcp_server.plugins.python import plugin as python_plugin
from mcp_server.plugins.workspace import Workspace
from tests.mcp_server.plugins.samples import refused, serving, told

FILES = {
    "shapes.py": """\
class Shape:
    def area(self): return self.side
    def __init__(self): self.side = 1

def helper(): pass
""",
    "main.py": "from shapes import Shape, helper\n\ndef main():\n    helper = Shape()\n    return helper.area()\n",
    "other.py": "import shapes\nshapes.helper()\nShape = 1\n",
    "broken.py": "helper\0",
    "far.js": "export function helper() {}\n",
    "near.js": "import { helper } from './far.js'; helper();\n",
    "api.h": "struct point { int x; };\nint helper(struct point *p);\n",
    "api.c": '#include "api.h"\nint helper(struct point *p) { return p->x; }\nint twice(void) { return helper(0); }\n',
}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    for path, text in FILES.items():
        (tmp_path / path).write_text(text)
    return Workspace(tmp_path)


@pytest.fixture
def server(workspace: Workspace) -> MCPServer:
    return serving(python_plugin, workspace)


def where(answer: Any) -> list[tuple[str, int, str, bool]]:
    return [(each["path"], each["line"], each["kind"], each["sure"]) for each in answer["places"]]


async def test_an_imported_name_is_followed_to_the_file_that_defines_it(server: MCPServer) -> None:
    answer = await told(server, "python_definition", path="main.py", line=4, column=14)
    assert where(answer) == [
        ("main.py", 1, "import", True),
        ("other.py", 3, "variable", False),
        ("shapes.py", 1, "class", False),
    ]
    assert (answer["name"], answer["searched"], answer["truncated"]) == ("Shape", 3, "")


async def test_a_local_name_is_looked_for_nowhere_else(server: MCPServer) -> None:
    answer = await told(server, "python_definition", path="main.py", line=5, column=12)
    assert (where(answer), answer["searched"]) == ([("main.py", 4, "variable", True)], 1)


async def test_a_member_is_found_by_its_name_in_the_workspace(server: MCPServer) -> None:
    assert where(await told(server, "python_definition", path="main.py", line=5, column=19)) == [
        ("shapes.py", 2, "function", False)
    ]
    assert where(await told(server, "python_definition", path="other.py", line=2, column=8)) == [
        ("shapes.py", 5, "function", False)
    ]


async def test_a_name_without_a_place_is_looked_for_everywhere(server: MCPServer) -> None:
    answer = await told(server, "python_definition", name="helper")
    assert where(answer) == [("shapes.py", 5, "function", False)]
    assert where(await told(server, "python_definition", name="side")) == [("shapes.py", 3, "member", False)]
    assert where(await told(server, "python_definition", name="nowhere")) == []


async def test_references_to_what_a_file_offers_are_looked_for_in_the_others(server: MCPServer) -> None:
    answer = await told(server, "python_references", path="shapes.py", line=5, column=5)
    assert where(answer) == [
        ("shapes.py", 5, "function", True),
        ("main.py", 1, "import", False),
        ("other.py", 2, "reference", False),
    ]


async def test_references_can_be_kept_to_one_file(server: MCPServer) -> None:
    answer = await told(server, "python_references", path="shapes.py", line=5, column=5, everywhere=False)
    assert (where(answer), answer["searched"]) == ([("shapes.py", 5, "function", True)], 1)


async def test_references_to_what_a_function_knows_stay_in_the_file(server: MCPServer) -> None:
    answer = await told(server, "python_references", path="main.py", line=4, column=5)
    assert (where(answer), answer["searched"]) == (
        [("main.py", 4, "variable", True), ("main.py", 5, "reference", True)],
        1,
    )


async def test_references_to_a_method_are_uses_of_members_of_that_name(server: MCPServer) -> None:
    answer = await told(server, "python_references", path="shapes.py", line=2, column=9)
    assert where(answer) == [("shapes.py", 2, "function", False), ("main.py", 5, "reference", False)]


async def test_the_other_languages_search_their_own_files(workspace: Workspace) -> None:
    js = serving(js_plugin, workspace)
    assert where(await told(js, "js_definition", path="near.js", line=1, column=38)) == [
        ("near.js", 1, "import", True),
        ("far.js", 1, "function", False),
    ]
    c = serving(c_plugin, workspace)
    assert where(await told(c, "c_definition", name="point")) == [("api.h", 1, "struct", False)]
    assert where(await told(c, "c_definition", path="api.c", line=2, column=19)) == [("api.h", 1, "struct", False)]
    assert where(await told(c, "c_definition", path="api.c", line=2, column=41)) == [("api.h", 1, "member", False)]
    assert where(await told(c, "c_references", path="api.h", line=2, column=5)) == [
        ("api.h", 2, "prototype", True),
        ("api.c", 2, "function", False),
        ("api.c", 3, "reference", False),
    ]


async def test_code_that_is_given_as_text_is_searched_as_well(server: MCPServer) -> None:
    answer = await told(server, "python_definition", code="x = 1\nprint(x)", line=2, column=7)
    assert where(answer) == [("", 1, "variable", True)]
    place = answer["places"][0]
    assert (place["column"], place["end_column"], place["text"]) == (1, 2, "x = 1")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({}, "give either a name, or a line and a column together with path or code"),
        ({"path": "main.py", "line": 1}, "give either a name, or a line and a column"),
        ({"path": "main.py", "line": 1, "column": 1, "name": "x"}, "give either a name, or a line and a column"),
        ({"line": 1, "column": 1}, "give either a name, or a line and a column"),
        ({"path": "main.py", "line": 99, "column": 1}, "there is no line 99, column 1: it has 5 lines"),
        ({"path": "main.py", "line": 1, "column": 99}, "there is no line 1, column 99: the line has 32 characters"),
        ({"path": "main.py", "line": 1, "column": 3}, "there is no name at line 1, column 3: from shapes import"),
        ({"path": "main.py", "code": "x", "name": "x"}, "give either path or code"),
        ({"path": "far.js", "name": "x"}, "far.js is no Python file: those end in .py, .pyi"),
        ({"path": "../x.py", "name": "x"}, "../x.py is not served"),
        ({"path": "broken.py", "name": "x"}, "broken.py is binary"),
        ({"name": " "}, "a name has 1 to 200 characters"),
        ({"path": "main.py", "line": 0, "column": 1}, "there is no line 0"),
    ],
)
async def test_a_question_that_cannot_be_answered_is_told_why(server: MCPServer, arguments: Any, reason: str) -> None:
    for tool in ("python_definition", "python_references"):
        assert reason in await refused(server, tool, **arguments)


async def test_without_a_workspace_a_name_needs_code() -> None:
    server = serving(python_plugin)
    assert "this server has no workspace to search" in await refused(server, "python_definition", name="x")
    assert "this server has no workspace" in await refused(server, "python_definition", name="x", path="a.py")
    assert where(await told(server, "python_definition", name="x", code="x = 1")) == [("", 1, "variable", False)]


async def test_what_is_left_out_is_told(server: MCPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "MOST", 1)
    assert (await told(server, "python_references", name="helper"))["truncated"] == "places after the first 1"
    monkeypatch.setattr(names, "MOST", 100)
    monkeypatch.setattr(names, "FILES", 2)
    answer = await told(server, "python_references", name="helper")
    assert (answer["truncated"], answer["searched"]) == ("files after the first 2", 1)
