"""What is particular to SQLite; what pools have in common is tested in tests/mcp_server/performance."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from adapters.sqlite_pool import SqlitePool
from tests.docs.pages import ROOT


def pool_of(path: Path, **more: Any) -> SqlitePool:
    settings = {"least": 0, "most": 2, "idle": 300.0, "lifetime": 3600.0} | more
    return SqlitePool(str(path), f"file:{path}", **settings)


async def test_a_cursor_that_was_left_open_holds_no_snapshot(tmp_path: Path) -> None:
    counts = []
    pool = pool_of(tmp_path / "x.db", most=1)
    conn = await pool.take(5)
    await conn.execute("PRAGMA journal_mode = WAL")
    await conn.execute("CREATE TABLE t AS SELECT 1 AS n UNION ALL SELECT 2")
    await pool.give_back(conn, failed=False)
    conn = await pool.take(5)
    left = await conn.execute("SELECT n FROM t")
    assert await left.fetchone() == (1,)
    await pool.give_back(conn, failed=False)
    other = pool_of(tmp_path / "x.db", most=1)
    writer = await other.take(5)
    await writer.execute("INSERT INTO t VALUES (3)")
    await other.give_back(writer, failed=False)
    conn = await pool.take(5)
    counts.append(await (await conn.execute("SELECT count(*) FROM t")).fetchone())
    with pytest.raises(Exception, match="closed cursor"):
        await left.fetchone()
    await pool.give_back(conn, failed=False)
    await pool.close()
    await other.close()
    assert counts == [(3,)]


async def test_an_open_cursor_does_hold_one_without_the_pool(tmp_path: Path) -> None:
    """The control."""
    import aiosqlite

    async with aiosqlite.connect(tmp_path / "x.db") as conn, aiosqlite.connect(tmp_path / "x.db") as writer:
        await conn.execute("PRAGMA journal_mode = WAL")
        await conn.execute("CREATE TABLE t AS SELECT 1 AS n UNION ALL SELECT 2")
        await conn.commit()
        left = await conn.execute("SELECT n FROM t")
        assert await left.fetchone() == (1,)
        await conn.commit()
        await writer.execute("INSERT INTO t VALUES (3)")
        await writer.commit()
        assert await (await conn.execute("SELECT count(*) FROM t")).fetchone() == (2,)
        await left.close()


async def test_a_file_that_was_replaced_is_opened_anew(tmp_path: Path) -> None:
    pool = pool_of(tmp_path / "x.db")
    conn = await pool.take(5)
    await conn.execute("CREATE TABLE old (n)")
    await pool.give_back(conn, failed=False)
    (tmp_path / "x.db").rename(tmp_path / "moved.db")
    conn = await pool.take(5)
    assert await (await conn.execute("SELECT count(*) FROM sqlite_master")).fetchone() == (0,)
    await pool.give_back(conn, failed=False)
    assert pool.replaced == 1
    await pool.close()


async def test_options_of_the_url_reach_sqlite(tmp_path: Path) -> None:
    from mcp_server.performance import ConnectionPool, ConnectionPoolConfig

    path = tmp_path / "with space & 100%20 #1.db"
    url = f"sqlite:///{path}"
    async with ConnectionPool(ConnectionPoolConfig(0, 1), url) as pool, pool.get_connection() as conn:
        await conn.execute("CREATE TABLE t (n)")
    assert path.exists()
    async with ConnectionPool(ConnectionPoolConfig(0, 1), f"{url}?mode=ro") as pool:
        with pytest.raises(Exception, match="readonly"):
            async with pool.get_connection() as conn:
                await conn.execute("INSERT INTO t VALUES (1)")


async def test_a_statement_whose_caller_was_cancelled_is_interrupted(tmp_path: Path) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    pool = pool_of(tmp_path / "x.db", most=1)
    conn = await pool.take(5)
    running = asyncio.create_task(conn.execute_fetchall(endless))
    await asyncio.sleep(0)
    running.cancel()
    await pool.give_back(conn, failed=True)
    assert await pool.take(5) is conn
    await pool.give_back(conn, failed=True)
    await pool.close()


def test_a_program_ends_although_it_left_its_pool_open(tmp_path: Path) -> None:
    program = f"""
import asyncio
from mcp_server.performance import ConnectionPool, ConnectionPoolConfig
pool = ConnectionPool(ConnectionPoolConfig(2, 3), "sqlite:///{tmp_path}/x.db")
async def main():
    async with pool.get_connection() as conn:
        await conn.execute("SELECT 1")
    print(pool.statistics.size)
asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "2\n", "")
