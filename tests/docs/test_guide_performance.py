"""The examples of the page on connection pools and memory, run as they stand."""

import ast
import inspect
import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from mcp_server.performance import ConnectionPoolConfig, Level, memory_optimizer
from tests.docs.pages import DOCS, blocks

PAGE = DOCS / "guide" / "performance-tools.md"


async def run(names: dict[str, Any], section: str) -> None:
    """Run the Python of a section; ``await`` may stand outside of functions there."""
    for block in blocks(PAGE, "python", section):
        code = "\n" * (block.line - 1) + block.text
        outcome = eval(compile(code, str(PAGE), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
        if inspect.isawaitable(outcome):
            await outcome


async def test_the_pool_reads_from_postgresql(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("DROP TABLE IF EXISTS data")
        connection.execute("CREATE TABLE data AS SELECT generate_series(1, 3) AS n")
    monkeypatch.setenv("DATABASE_URL", postgres_url)
    await check_pool()
    with psycopg.connect(postgres_url) as connection:
        connection.execute("DROP TABLE data")


async def test_the_pool_reads_from_sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sqlite3

    connection = sqlite3.connect(tmp_path / "x.db")
    connection.executescript("CREATE TABLE data (n); INSERT INTO data VALUES (1), (2), (3)")
    connection.close()
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/x.db")
    await check_pool()


async def check_pool() -> None:
    names: dict[str, Any] = {}
    await run(names, "Connections to a database")
    pool = names["pool"]
    assert pool.config == ConnectionPoolConfig(5, 20, 30.0, 300.0, 3600.0)
    assert pool.statistics.in_use == 0
    async with pool.get_connection() as conn:
        result = await conn.execute("SELECT * FROM data")
        assert [row[0] for row in await result.fetchall()] == [1, 2, 3]
    await pool.close()


def test_the_settings_of_the_file_are_understood() -> None:
    (block,) = blocks(PAGE, "json", "Connections to a database")
    settings = json.loads(block.text)["database"]
    assert ConnectionPoolConfig.from_settings(settings) == ConnectionPoolConfig(20, 60, 30.0)


def test_the_table_of_settings_tells_what_holds_when_they_are_left_out() -> None:
    from tests.docs.pages import coded, rows

    told = {coded(name)[0]: float(value) for name, _, value in rows(PAGE, "setting")}
    plain = ConnectionPoolConfig()
    assert told == {name: getattr(plain, name) for name in plain.__struct_fields__}


async def test_memory_is_watched_and_optimized(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    await run(names, "Memory")
    assert capsys.readouterr().out.startswith("Freed ")
    assert names["result"]["memory_freed_mb"] >= 0
    assert not memory_optimizer.monitoring
    names["shrink"](Level.NORMAL, None)
    assert names["kept"]
    names["shrink"](Level.ELEVATED, None)
    assert not names["kept"]
    names["stop_listening"]()


async def test_the_page_names_every_figure() -> None:
    text = PAGE.read_text()
    for name in (*memory_optimizer.figures(), *await memory_optimizer.optimize_memory()):
        assert f"`{name}`" in text or f"'{name}'" in text, name
