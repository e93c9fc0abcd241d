import subprocess
import sys

import pytest

from mcp_server.prompts import BUILT_IN, PromptTemplate, prompt_registry
from tests.docs.pages import ROOT

NAMES = {
    "code_review",
    "refactor_suggestions",
    "generate_documentation",
    "bug_analysis",
    "generate_tests",
    "performance_analysis",
}
SOURCE = {"file_path": "src/main.py", "language": "python", "code": "x = '{focus}' # {{}}"}


def test_the_six_of_the_guide_are_registered() -> None:
    assert {template.name for template in BUILT_IN} == NAMES
    assert {kept.template.name for kept in prompt_registry.list_prompts()} >= NAMES


@pytest.mark.parametrize("template", BUILT_IN, ids=lambda template: template.name)
async def test_a_built_in_prompt_shows_its_source_and_asks_for_evidence(template: PromptTemplate) -> None:
    text = await prompt_registry.generate_prompt(template.name, SOURCE)
    assert "File: src/main.py\nLanguage: python\n\n<source>\nx = '{focus}' # {{}}\n</source>\n" in text
    assert "Leave out:" in text
    assert template.description
    assert template.title
    assert all(argument.description for argument in template.arguments)
    assert all(line == line.rstrip() and len(line) <= 120 for line in text.splitlines())


@pytest.mark.parametrize("template", BUILT_IN, ids=lambda template: template.name)
async def test_what_may_be_added_is_in_the_text(template: PromptTemplate) -> None:
    extra = {argument.name: f"my {argument.name}" for argument in template.arguments if not argument.required}
    assert extra
    text = await prompt_registry.generate_prompt(template.name, SOURCE | extra)
    assert all(value in text for value in extra.values())


@pytest.mark.parametrize("name", ["code_review", "bug_analysis"])
async def test_findings_are_asked_for_with_severity_and_evidence(name: str) -> None:
    text = await prompt_registry.generate_prompt(name, SOURCE)
    assert all(f"- {word}:" in text for word in ("Severity", "Place", "Evidence", "Confidence"))


def test_importing_the_prompts_imports_nothing_heavy() -> None:
    program = "import sys, mcp_server.prompts as p; assert len(p.prompt_registry) == 6; print(*sys.modules)"
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60, cwd=ROOT
    )
    assert not {"yaml", "watchfiles", "sqlite3", "structlog"} & set(shown.stdout.split())
