"""Functions of a server that use its database."""

import asyncio
import json
import os
import re
import sqlite3
import subprocess
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from mcp_server import Context, MCPServer, NoDatabase
from mcp_server.performance import ConnectionPool
from tests.children import COMMAND, LONG, Child, running, store
from tests.mcp_server.asking import ask, detail_of, text_of
from tests.mcp_server.performance.databases import Database, Sqlite, config, until
from tests.serving import call_params, stateless


def words(database: Database) -> MCPServer:
    """A server that keeps words in the table of ``database``."""
    server = MCPServer("words")

    @server.tool
    async def keep(word: str, ctx: Context) -> str:
        async with ctx.database.get_connection() as conn:
            await conn.execute(f"INSERT INTO {database.table} VALUES ('{word}')")
            if word == "wrong":
                raise ValueError("not this one")
            if word == "slow":
                await conn.execute(database.slow)
        return word

    @server.tool
    async def every(ctx: Context) -> AsyncIterator[str]:
        async with ctx.database.get_connection() as conn:
            found = await conn.execute(f"SELECT word FROM {database.table} ORDER BY word")
            for row in await found.fetchall():
                yield row[0]

    @server.tool
    def threaded(ctx: Context) -> str:
        async def use() -> None:
            async with ctx.database.get_connection():
                raise AssertionError("the connections of one loop are no use in another")

        asyncio.run(use())
        return "used"

    @server.resource("words://{word}")
    async def read(word: str, ctx: Context) -> str | None:
        async with ctx.database.get_connection() as conn:
            found = await conn.execute(f"SELECT word FROM {database.table} WHERE word = '{word}'")
            row = await found.fetchone()
            return row[0] if row else None

    return server


async def keep(server: MCPServer, pool: ConnectionPool | None, word: str) -> dict[str, Any]:
    return await ask(server, "tools/call", {"name": "keep", "arguments": {"word": word}}, database=pool)


async def test_tools_and_resources_read_and_write_the_database(database: Database) -> None:
    server = words(database)
    async with ConnectionPool(config(), database.url) as pool:
        assert text_of(await keep(server, pool, "b")) == "b"
        await keep(server, pool, "a")
        streamed = await ask(server, "tools/call", {"name": "every"}, database=pool)
        assert [block["text"] for block in streamed["content"]] == ["a", "b"]
        read = await ask(server, "resources/read", {"uri": "words://a"}, database=pool)
        assert read["contents"][0]["text"] == "a"
        assert pool.statistics.in_use == 0


async def test_what_a_tool_did_is_undone_when_it_raises_or_is_cancelled(database: Database) -> None:
    server = words(database)
    async with ConnectionPool(config(1), database.url) as pool:
        assert "not this one" in await detail_of(server, "keep", {"word": "wrong"}, pool)
        slow = asyncio.create_task(keep(server, pool, "slow"))
        await until(lambda: pool.statistics.in_use > 0)
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow
        await keep(server, pool, "last")
    assert await database.words() == ["last"]


async def test_without_a_database_whoever_runs_the_server_is_told_the_setting(database: Database) -> None:
    detail = await detail_of(words(database), "keep", {"word": "a"})
    assert detail.endswith(str(NoDatabase()))
    assert "database_url (DATABASE_URL)" in detail


async def test_a_pool_with_nothing_left_is_told_to_whoever_runs_the_server(database: Database) -> None:
    async with ConnectionPool(config(1, timeout=0.05), database.url) as pool, pool.get_connection():
        assert "1 of 1 are in use" in await detail_of(words(database), "keep", {"word": "a"}, pool)


async def test_a_function_in_a_thread_is_told_to_be_async(database: Database) -> None:
    async with ConnectionPool(config(), database.url) as pool:
        assert "has to be an async function" in await detail_of(words(database), "threaded", database=pool)
        assert text_of(await keep(words(database), pool, "a")) == "a"


COUNTER = """
from mcp_server import Context, MCPServer

server = MCPServer("counter")

@server.tool(read_only=True)
async def count(ctx: Context) -> int:
    async with ctx.database.get_connection() as conn:
        found = await conn.execute("SELECT count(*) FROM words")
        return (await found.fetchone())[0]
"""


async def counted(child: Child) -> dict[str, Any]:
    port = await asyncio.to_thread(lambda: child.port)
    body, headers = stateless(1, "tools/call", call_params("count"))
    headers |= {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    async with aiohttp.ClientSession() as client:
        async with client.post(f"http://127.0.0.1:{port}/mcp", data=body, headers=headers) as response:
            result: dict[str, Any] = (await response.json())["result"]
        async with client.get(f"http://127.0.0.1:{port}/metrics") as response:
            assert re.search(r"^mcp_database_connections [1-5]\.0$", await response.text(), re.MULTILINE)
    return result


def again(folder: Path, **environment: str) -> list[str]:
    """The verdicts of calling again what was recorded."""
    words = (COMMAND, "replay", "last", "--rerun", "--json", "--store", store(folder), "--server", "counter.py")
    given = {**os.environ, **environment}
    done = subprocess.run(words, cwd=folder, env=given, capture_output=True, text=True, timeout=LONG, check=False)
    return [json.loads(line)["verdict"] for line in done.stdout.splitlines()]


async def test_a_served_tool_uses_the_database_that_the_environment_names(tmp_path: Path) -> None:
    (tmp_path / "counter.py").write_text(COUNTER)
    there = Sqlite(tmp_path)
    with closing(sqlite3.connect(there.path, isolation_level=None)) as connection:
        connection.execute("INSERT INTO words VALUES ('a'), ('b')")
    with running(tmp_path, "counter.py", DATABASE_URL=there.url) as child:
        assert (await counted(child))["structuredContent"] == 2
        assert await asyncio.to_thread(child.stop) == 0
    assert await asyncio.to_thread(again, tmp_path, DATABASE_URL=there.url) == ["same"]
    assert await asyncio.to_thread(again, tmp_path, DATABASE_URL="") == ["changed"]
