from pathlib import Path
from typing import Any

import pytest

from mcp_server.features.results import ToolError
from mcp_server.plugins.c import plugin as c_plugin
from mcp_server.plugins.code import graph
from mcp_server.plugins.code.budget import Budget
from mcp_server.plugins.code.graph import file_imports, folder_imports
from mcp_server.plugins.code.language import Language
from mcp_server.plugins.code.values import Imports
from mcp_server.plugins.js import plugin as js_plugin
from mcp_server.plugins.python import plugin as python_plugin
from mcp_server.plugins.workspace import Workspace
from tests.mcp_server.plugins.samples import JS, PYTHON, C, budget, parsed, refused, serving, told


def workspace(root: Path, files: dict[str, str]) -> Workspace:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return Workspace(root)


def edges(found: Imports) -> dict[str, list[str]]:
    """What each file's imports mean."""
    result: dict[str, list[str]] = {}
    for each in found.imports:
        result.setdefault(each.path, []).extend(each.targets)
    return result


def listed(language: Language, code: str) -> list[tuple[Any, ...]]:
    found = file_imports(parsed(language, code), None, budget())
    return [(each.line, each.module, each.names, each.deferred) for each in found.imports]


def test_the_imports_of_python_are_told_as_they_are_written() -> None:
    code = """
import os.path, sys as system
from a . b import c as d, e
from .. import f
from .g import *
from __future__ import annotations
def h():
    import late
if x:
    try: import i
    except ImportError: pass
"""
    assert listed(PYTHON, code) == [
        (2, "os.path", (), False),
        (2, "sys", (), False),
        (3, "a.b", ("c", "e"), False),
        (4, "..", ("f",), False),
        (5, ".g", ("*",), False),
        (6, "__future__", ("annotations",), False),
        (8, "late", (), True),
        (10, "i", (), False),
    ]


def test_the_imports_of_javascript_are_told_as_they_are_written() -> None:
    code = """
import d, {a, b as c} from "m1"; import * as n from 'm2'; import "m3";
export * from "m4"; export {e as f} from "m5"; export * as g from "m6";
const h = require("m7"); require(name); other("m0");
function late() { return require("m8") }
import("m9").then(x); import(name);
"""
    assert listed(JS, code) == [
        (2, "m1", ("default", "a", "b"), False),
        (2, "m2", ("*",), False),
        (2, "m3", (), False),
        (3, "m4", (), False),
        (3, "m5", ("e",), False),
        (3, "m6", ("*",), False),
        (4, "m7", (), False),
        (5, "m8", (), True),
        (6, "m9", (), True),
    ]


def test_the_includes_of_c_are_told_as_they_are_written() -> None:
    code = '#include <stdio.h>\n#ifdef X\n#  include "a/b.h"\n#endif\n#include MACRO\n'
    assert listed(C, code) == [(1, "<stdio.h>", (), False), (3, "a/b.h", (), False)]


def test_modules_of_python_are_found_in_the_workspace(tmp_path: Path) -> None:
    files = {
        "pkg/__init__.py": "",
        "pkg/a.py": "import os\nfrom . import b\nfrom .sub import t, c\nfrom pkg.sub import c\nimport pkg.sub.c as x",
        "pkg/b.py": "from .. import nothing\nfrom ... import too_far\nimport tool",
        "pkg/sub/__init__.py": "",
        "pkg/sub/c.py": "from ..b import f\nfrom other import g",
        "src/other/__init__.py": "",
        "pkg/tool.py": "",
    }
    found = folder_imports("", PYTHON, workspace(tmp_path, files), budget())
    assert edges(found) == {
        "pkg/a.py": ["pkg/b.py", "pkg/sub/__init__.py", "pkg/sub/c.py", "pkg/sub/c.py", "pkg/sub/c.py"],
        "pkg/b.py": ["pkg/tool.py"],
        "pkg/sub/c.py": ["pkg/b.py", "src/other/__init__.py"],
    }
    assert found.external == ("..", "...", "os")
    assert (found.files, found.cycles, found.truncated) == (7, (), "")


def test_modules_of_javascript_are_found_in_the_workspace(tmp_path: Path) -> None:
    files = {
        "a.js": "".join(f"require('{each}');" for each in ("./b", "./lib", "./c.mjs", "lodash", "../out", "./data")),
        "b.jsx": "import x from '.'",
        "index.js": "",
        "c.mjs": "",
        "lib/index.cjs": "require('..')",
        "data.json": "{}",
    }
    found = folder_imports("", JS, workspace(tmp_path, files), budget())
    assert edges(found) == {
        "a.js": ["b.jsx", "lib/index.cjs", "c.mjs", "data.json"],
        "b.jsx": ["index.js"],
        "lib/index.cjs": ["index.js"],
    }
    assert found.external == ("../out", "lodash")


def test_headers_of_c_are_found_in_the_workspace(tmp_path: Path) -> None:
    files = {
        "src/main.c": "".join(
            f"#include {each}\n" for each in ('"util.h"', '"deep/x.h"', "<api.h>", "<stdio.h>", '"../up.h"')
        ),
        "src/util.h": "#include <util.h>\n",
        "util.h": "",
        "include/api.h": "",
        "include/deep/x.h": "",
        "up.h": '#include "../../etc/passwd"\n',
    }
    found = folder_imports("", C, workspace(tmp_path, files), budget())
    assert edges(found) == {
        "src/main.c": ["src/util.h", "include/deep/x.h", "include/api.h", "up.h"],
        "src/util.h": ["src/util.h"],
        "up.h": [],
    }
    assert found.external == ("../../etc/passwd", "<stdio.h>")
    assert found.cycles == (("src/util.h", "src/util.h"),)


def test_cycles_are_named_and_late_imports_make_none(tmp_path: Path) -> None:
    files = {
        "a.py": "import b",
        "b.py": "import c\nimport a",
        "c.py": "import a",
        "d.py": "def f(): import e",
        "e.py": "import d",
    }
    found = folder_imports("", PYTHON, workspace(tmp_path, files), budget())
    assert found.cycles == (("a.py", "b.py", "a.py"),)


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    made = workspace(tmp_path, {"good.py": "import good", "deep.py": "(" * 10_000 + ")" * 10_000, "binary.py": "\0"})
    found = folder_imports("", PYTHON, made, budget())
    assert found.files == 1
    assert [each.split(":")[0] for each in found.unread] == ["binary.py", "deep.py"]


def test_what_is_left_out_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = workspace(tmp_path, {f"m{number}.py": "import a\nimport b" for number in range(4)})
    assert (
        folder_imports("", PYTHON, made, budget(-1.0)).truncated == "files from m0.py on, because of the time it takes"
    )
    monkeypatch.setattr(graph, "FILES", 3)
    monkeypatch.setattr(graph, "IMPORTS", 5)
    found = folder_imports("", PYTHON, made, budget())
    assert (found.files, len(found.imports)) == (3, 5)
    assert found.truncated == "files after the first 3; imports after the first 5"
    with pytest.raises(ToolError, match="the folder nowhere is not served"):
        folder_imports("nowhere", PYTHON, made, Budget(1.0))


async def test_the_tools_take_a_file_a_folder_or_code(tmp_path: Path) -> None:
    made = workspace(tmp_path, {"p/a.py": "import b", "p/b.py": "import a", "j/x.js": "import './x.js'", "c/y.h": ""})
    python = serving(python_plugin, made)
    assert (await told(python, "python_imports", path="p"))["cycles"] == [["p/a.py", "p/b.py", "p/a.py"]]
    assert (await told(python, "python_imports", path=""))["files"] == 2
    (only,) = (await told(python, "python_imports", path="p/a.py"))["imports"]
    assert only["targets"] == ["p/b.py"]
    assert (await told(python, "python_imports", code="import b"))["external"] == ["b"]
    assert (await told(serving(js_plugin, made), "js_imports", path="j"))["cycles"] == [["j/x.js", "j/x.js"]]
    assert (await told(serving(c_plugin, made), "c_imports", path="c"))["files"] == 1
    assert "p/z.py" in await refused(python, "python_imports", path="p/z.py")
    assert await refused(python, "python_imports") == "give either path or code"
