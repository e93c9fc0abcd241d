"""The page on completions, streams and batches: its Python runs, in order, as it stands there."""

import ast
import inspect
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mcp_server.config import load_settings
from mcp_server.config.settings import CompletionModel
from tests.docs.pages import DOCS, blocks

PAGE = DOCS / "guide" / "advanced-protocol.md"


@pytest.fixture
async def ran(capsys: pytest.CaptureFixture[str]) -> AsyncIterator[dict[str, Any]]:
    """What the page's blocks have defined, and under ``printed`` what they said."""
    names: dict[str, Any] = {"__name__": "advanced_protocol"}
    for block in blocks(PAGE, "python"):
        code = "\n" * (block.line - 1) + block.text  # so that a traceback has the page's line numbers
        outcome = eval(compile(code, str(PAGE), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
        if inspect.isawaitable(outcome):
            await outcome
    names["printed"] = capsys.readouterr().out
    yield names
    await names["engine"].aclose()


async def test_the_page_does_what_it_says(ran: dict[str, Any]) -> None:
    text = ran["again"].choices[0].text
    assert text in ran["printed"]
    ast.parse("def fibonacci(n):" + text)
    assert "".join(ran["pieces"])
    assert ran["echoed"].choices[0].text == "Hello"
    assert ran["counted"] == [3, 2, 1, ""]
    assert "Completed: 3, Failed: 0" in ran["printed"]
    assert [each.result["method"] for each in ran["response"].responses] == [
        "tools/list",
        "resources/list",
        "prompts/list",
    ]
    assert (await ran["manager"].get_stream_chunk("stream_1")) is None


def test_the_settings_of_the_page_name_a_model_with_all_there_is_to_say_of_one(tmp_path: Path) -> None:
    (block,) = blocks(PAGE, "json")
    (tmp_path / "settings.json").write_text(block.text)
    (model,) = load_settings(tmp_path / "settings.json", {}, {}).completion_models
    assert set(json.loads(block.text)["completion_models"][0]) == set(CompletionModel.__struct_fields__)
    assert model == CompletionModel(
        name="local", base_url="http://localhost:8000/v1", model="some-model", api_key_env="LOCAL_MODEL_KEY"
    )


def test_the_table_of_parameters_has_them_all() -> None:
    from mcp_server.protocol.advanced import SamplingConfig
    from tests.docs.pages import coded, rows

    assert [coded(name)[0] for name, *_ in rows(PAGE, "Parameter")] == list(SamplingConfig.__struct_fields__)
