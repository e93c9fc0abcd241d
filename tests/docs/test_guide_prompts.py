"""The page about prompts: its Python runs, its requests are answered, its file is a prompt, its tables are right."""

import ast
import inspect
import json
from collections.abc import AsyncIterator
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from mcp_server.prompts import BUILT_IN, PromptHandler, prompt_registry
from mcp_server.prompts.folder import FILE_LIMIT, MOST_FILES
from mcp_server.prompts.markdown import FRONT_LIMIT
from mcp_server.prompts.registry import MOST_PROMPTS, MOST_VERSIONS
from mcp_server.prompts.rendering import RENDERED_LIMIT
from mcp_server.prompts.template import ARGUMENTS_LIMIT, PROMPT_LIMIT
from tests.docs.pages import DOCS, blocks, coded, plain, rows

PAGE = DOCS / "guide" / "prompts.md"


async def execute(names: dict[str, Any]) -> None:
    """Run the Python of the page in order, in one namespace; ``await`` may stand anywhere, as in the guide."""
    for block in blocks(PAGE, "python"):
        source = "\n" * (block.line - 1) + block.text
        code: CodeType = compile(source, str(PAGE), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        outcome = eval(code, names)
        if inspect.isawaitable(outcome):
            await outcome


@pytest.fixture
async def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[dict[str, Any]]:
    """What the page's Python defined, run in a folder that has the page's file."""
    (shown,) = blocks(PAGE, "markdown")
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "release_notes.md").write_text(shown.text)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    try:
        await execute(names)
        yield names
    finally:
        for name in ("api_documentation", "release_notes"):
            prompt_registry.unregister_prompt(name)


async def test_the_python_of_the_page_does_what_it_says(ran: dict[str, Any]) -> None:
    assert type(ran["review_prompt"]) is str
    assert "def hello(): print('Hello, World!')" in ran["review_prompt"]
    assert ran["newest"] == "GET /users: none"
    assert ran["earlier"].startswith(
        "Generate comprehensive API documentation for the following endpoint:\n\nEndpoint: /users"
    )
    assert ran["loaded"].problems == ()
    assert ran["notes"].startswith("Write release notes for users who upgrade from these changes:\n\nFix the cache\n")
    assert [entry["name"] for entry in ran["entries"]] == ["code_review"]
    assert ran["result"]["messages"][0]["content"]["text"] == ran["newest"]
    assert {entry["name"] for entry in ran["found"]} >= {"generate_documentation", "api_documentation"}


async def test_the_problem_that_is_shown_is_told_so(ran: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "prompts" / "release_notes.md"
    lines = file.read_text().splitlines()
    at = lines.index("arguments:")
    lines[at:] = ["arguments:", "  name: changes", "---", "{changes}"]
    file.write_text("\n".join(lines))
    told = [str(problem) for problem in ran["load_folder"](prompt_registry, "prompts").problems]
    (block,) = [block for block in blocks(PAGE, "python") if "such as: " in block.text]
    assert told == [block.text.partition("such as: ")[2].strip()]


async def test_the_requests_of_the_page_are_answered() -> None:
    handler = PromptHandler(prompt_registry)
    requests = [json.loads(block.text) for block in blocks(PAGE, "json")]
    assert [request["method"] for request in requests] == ["prompts/get", "prompts/list", "prompts/search"]
    got, listed, found = requests
    text = (await handler.get(got["params"]))["messages"][0]["content"]["text"]
    assert "File: main.py\nLanguage: python\n\n<source>\ndef hello(): pass\n</source>" in text
    assert [entry["name"] for entry in await handler.list(listed["params"])] == ["code_review"]
    assert (await handler.search(found["params"]))[0]["name"] == "generate_documentation"


def test_the_built_in_prompts_are_listed_as_they_are() -> None:
    listed = {coded(row[0])[0]: (coded(row[1])[0], coded(row[2]), coded(row[3])) for row in rows(PAGE, "prompt")}
    assert listed == {
        template.name: (
            template.category,
            list(template.tags),
            [argument.name for argument in template.arguments if not argument.required],
        )
        for template in BUILT_IN
    }


def test_the_bounds_that_are_told_are_those_in_force() -> None:
    text = " ".join(plain(PAGE).split())
    assert (MOST_VERSIONS, RENDERED_LIMIT) == (10, 4 << 20)
    for told in (
        f"at most {MOST_FILES}, each at most {FILE_LIMIT // 1024} KiB",
        f"front matter of at most {FRONT_LIMIT // 1024} KiB",
        f"at most {PROMPT_LIMIT:,} characters and {ARGUMENTS_LIMIT} arguments",
        f"{MOST_PROMPTS:,} prompts, ten versions of each",
    ):
        assert told in text
