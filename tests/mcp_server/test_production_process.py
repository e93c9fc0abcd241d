"""A server as a process, with everything of production named in its environment, and in reach of it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.children import LONG, Child, running
from tests.serving import Socket, handshake

BAD = "---\nname: [\n---\ntext"


async def asked(child: Child, path: str) -> dict[str, Any]:
    port = await asyncio.to_thread(lambda: child.port)
    async with aiohttp.ClientSession() as client, client.get(f"http://127.0.0.1:{port}{path}") as response:
        found: dict[str, Any] = await response.json()
        return found


class Endpoint:
    """An OpenAI-compatible endpoint, and a collector of traces: what they were sent is kept."""

    def __init__(self) -> None:
        self.models: list[str] = []
        self.spans = asyncio.Event()

    async def complete(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.models.append(body["model"])
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "forty-two"}}
        usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
        members = {"id": "x", "object": "chat.completion", "created": 0, "model": body["model"]}
        return web.json_response({**members, "choices": [choice], "usage": usage})

    async def trace(self, _request: web.Request) -> web.Response:
        self.spans.set()
        return web.Response(content_type="application/x-protobuf")


async def test_a_server_uses_what_its_environment_names_and_health_tells_of_it(
    tmp_path: Path, redis_url: str, postgres_url: str
) -> None:
    endpoint, app = Endpoint(), web.Application()
    app.router.add_post("/v1/chat/completions", endpoint.complete)
    app.router.add_post("/v1/traces", endpoint.trace)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    here = f"http://127.0.0.1:{runner.addresses[0][1]}"
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "bad.md").write_text(BAD)
    given = {
        "REDIS_URL": redis_url,
        "MCP_REDIS_NAMESPACE": "production",
        "DATABASE_URL": postgres_url,
        "MCP_PROMPTS_FOLDER": str(tmp_path / "prompts"),
        "MCP_COMPLETION_MODELS": json.dumps([{"name": "big", "base_url": f"{here}/v1", "model": "large-1"}]),
        "OTEL_EXPORTER_OTLP_ENDPOINT": here,
        "MCP_MEMORY_LIMIT_MB": "1",
    }
    try:
        with running(tmp_path, **given) as child:
            health = await asked(child, "/health")
            checks = {check["name"]: check for check in health["checks"]}
            found = [checks[name]["status"] for name in ("redis", "database", "prompts", "memory")]
            assert found == ["healthy", "healthy", "degraded", "degraded"]
            assert "pressure is critical, part of the requests is refused" in checks["memory"]["message"]
            assert health["system_info"]["memory_pressure"] == "critical"
            assert health["system_info"]["memory_limit_mb"] == 1
            assert "bad.md:" in json.dumps(checks["prompts"])
            url = f"ws://127.0.0.1:{child.port}/ws"
            async with aiohttp.ClientSession() as client, client.ws_connect(url, protocols=("mcp",)) as ws:
                socket = Socket(ws)
                await socket.send(handshake(0))
                await socket.receive()
                await socket.request(1, "completion/generate", {"model": "big", "prompt": "6 x 7?"})
                answer = await socket.receive()
            assert "forty-two" in json.dumps(answer["result"])
            assert endpoint.models == ["large-1"]
            await asyncio.wait_for(endpoint.spans.wait(), LONG)
            assert await asyncio.to_thread(child.stop) == 0
            assert "Traceback" not in child.errors
            assert "forty-two" not in child.errors
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("models", "told"),
    [
        ('[{"name": "big"}]', "completion_models"),
        ('[{"name": "big", "base_url": "nowhere"}]', "must begin with http"),
        ('[{"name": "big", "base_url": "http://me:hidden@x/v1"}]', "must have no user, password or query"),
        ('[{"name": "big", "base_url": "http://x", "api_key_env": "NOT_THERE"}]', "NOT_THERE"),
        ('[{"name": "big", "base_url": "http://x", "max_retries": 11}]', "max_retries must be an integer from 0 to 10"),
        ('[{"name": "big", "base_url": "http://x"}, {"name": "big", "base_url": "http://y"}]', "given to 2 of them"),
    ],
)
def test_a_model_that_cannot_be_offered_is_told_in_one_line(tmp_path: Path, models: str, told: str) -> None:
    with running(tmp_path, MCP_COMPLETION_MODELS=models) as child:
        assert child.wait() == 2
        assert told in child.errors
        assert "hidden" not in child.errors
        assert child.errors.count("\n") == 1


@pytest.mark.parametrize(
    ("variable", "url", "told"),
    [
        ("REDIS_URL", "http://me:secret@host", "redis_url: it cannot be read; write redis://"),
        ("DATABASE_URL", "mysql://me:secret@host/db", "database_url: a database URL is wanted"),
    ],
)
def test_a_url_that_cannot_be_read_is_told_in_one_line(tmp_path: Path, variable: str, url: str, told: str) -> None:
    with running(tmp_path, **{variable: url}) as child:
        assert child.wait() == 2
        assert told in child.errors
        assert "secret" not in child.errors
        assert child.errors.count("\n") == 1
