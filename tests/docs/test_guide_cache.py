"""The page on the cache: its examples run as they stand, and its figures are those of the code."""

import ast
import inspect
from typing import Any

import pytest

from adapters.cache_entries import ENTRY_OVERHEAD, TAG_OVERHEAD
from adapters.cache_items import ITEM_OVERHEAD, ITEM_TAG_OVERHEAD
from adapters.cache_store import MOST_OWED
from mcp_server.cache import CacheConfig, CacheUnavailable
from mcp_server.cache.manager import LONGEST_KEY, LONGEST_TAG, MOST_TAGS
from tests.docs.pages import DOCS, Block, blocks, coded, rows

PAGE = DOCS / "guide" / "cache.md"
GUIDE, MAKING, NOTHING = blocks(PAGE, "python")


async def execute(block: Block) -> dict[str, Any]:
    """Run a block as a notebook would, after the page's import; what it defined."""
    names: dict[str, Any] = {}
    exec(GUIDE.text.partition("\n")[0], names)
    code = "\n" * (block.line - 1) + block.text  # so that a traceback has the page's line numbers
    outcome = eval(compile(code, str(PAGE), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
    if inspect.isawaitable(outcome):
        await outcome
    return names


async def test_the_example_runs_with_the_redis_of_the_environment(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", redis_url)
    names = await execute(GUIDE)
    cache = names["cache"]
    assert names["value"] == {"data": "value"}
    assert (cache.stats().backend, cache.stats().online) == ("hybrid", True)
    await cache.delete("key")
    await cache.close()


async def test_the_example_runs_without_any_redis_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.setattr("mcp_server.cache.config.DEFAULT_URL", "redis://127.0.0.1:1")  # so that a local one is not used
    names = await execute(GUIDE)
    cache = names["cache"]
    assert names["value"] == {"data": "value"}
    assert cache.stats().backend == "memory"
    assert "serving from this process's memory" in cache.stats().warning
    await cache.close()


async def test_the_example_fails_when_the_redis_that_was_named_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://:secret@127.0.0.1:1")
    with pytest.raises(CacheUnavailable, match=r"^Redis at redis://127\.0\.0\.1:1 cannot be reached"):
        await execute(GUIDE)


async def test_the_other_examples_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert (await execute(MAKING))["ada"] == {"name": "Ada"}
    assert capsys.readouterr().out == "0.0\n"
    await execute(NOTHING)


def test_the_settings_are_those_that_there_are() -> None:
    told = {coded(row[0])[0]: row[1] for row in rows(PAGE, "Setting")}
    config = CacheConfig()
    assert tuple(told) == CacheConfig.__struct_fields__
    for name in ("max_entries", "max_memory_mb", "default_ttl", "negative_ttl", "near_ttl", "lease", "redis_timeout"):
        assert float(told[name]) == getattr(config, name)
    assert (told["backend_type"], told["namespace"]) == (f"`{config.backend_type.name}`", f"`{config.namespace}`")


def test_the_figures_are_those_of_the_code() -> None:
    text = " ".join(PAGE.read_text().split())
    assert f"{ENTRY_OVERHEAD} bytes in memory, and {TAG_OVERHEAD} more with each tag" in text
    assert f"{ITEM_OVERHEAD} bytes and {ITEM_TAG_OVERHEAD} more with each tag" in text
    assert f"Keys are 1 to {LONGEST_KEY} bytes, tags 1 to {LONGEST_TAG}, a value has {MOST_TAGS} tags" in text
    assert f"({MOST_OWED:,} changes;" in text
