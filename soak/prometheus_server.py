"""A Prometheus that scrapes a server with the configuration and the alerts of ``deploy/``, and what it answers."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import aiohttp
import yaml

from soak.servers import ROOT

DEPLOY: Final = ROOT / "deploy"
PATIENCE: Final = 60.0


class QueryFailed(Exception):
    """Prometheus did not carry out what it was asked; says why."""


class Sample(NamedTuple):
    """A value of a series; the name of the metric is among the labels, as ``__name__``."""

    labels: Mapping[str, str]
    value: float


class Prometheus:
    """A Prometheus that runs; made by :func:`prometheus`.

    Attributes:
        interval: Seconds between two scrapes, and between two looks at the rules.
    """

    def __init__(self, client: aiohttp.ClientSession, url: str, interval: float) -> None:
        self.interval = interval
        self._client = client
        self._url = url

    async def ask(self, path: str, **parameters: str) -> Any:
        """The data of an answer of its HTTP API.

        Raises:
            QueryFailed: It has none.
        """
        async with self._client.get(f"{self._url}/api/v1/{path}", params=parameters) as response:
            body = await response.json()
        if body["status"] != "success":
            raise QueryFailed(f"{path} {parameters}: {body.get('errorType')}: {body.get('error')}")
        return body["data"]

    async def query(self, expression: str) -> list[Sample]:
        """The values of an expression now. Raises as :meth:`ask` does."""
        data = await self.ask("query", query=expression)
        if data["resultType"] == "scalar":
            return [Sample({}, float(data["result"][1]))]
        return [Sample(each["metric"], float(each["value"][1])) for each in data["result"]]

    async def number(self, expression: str) -> float | None:
        """The value of an expression that has one series at most. Raises as :meth:`ask` does."""
        return next((sample.value for sample in await self.query(expression)), None)

    async def scraped_since(self, moment: float) -> bool:
        """Wait for a scrape that began after ``moment``, in seconds since the epoch; False when none comes."""
        until = time.monotonic() + 2 * self.interval + PATIENCE
        while time.monotonic() < until:
            # Tolerance: a scrape is dated by when it was due, up to 2 ms before it began.
            if (await self.number('timestamp(up{job="mcp-server"})') or 0.0) > moment + 0.1:
                return True
            await asyncio.sleep(min(0.2, self.interval / 5))
        return False

    async def alerts(self) -> dict[str, str]:
        """The alerts that are pending or firing, by name."""
        return {each["labels"]["alertname"]: each["state"] for each in (await self.ask("alerts"))["alerts"]}


def configuration(target: str, interval: float | None) -> dict[str, Any]:
    """What ``deploy/prometheus.yml`` says, for another target; ``interval`` replaces its own ones, in seconds."""
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    found["rule_files"] = [str(DEPLOY / name) for name in found["rule_files"]]
    (job,) = found["scrape_configs"]
    job["static_configs"] = [{"targets": [target]}]
    if interval is not None:
        job["scrape_interval"] = found["global"]["evaluation_interval"] = f"{interval:g}s"
    return found


@contextlib.asynccontextmanager
async def prometheus(program: str, target: str, folder: Path, interval: float | None) -> AsyncIterator[Prometheus]:
    """Run ``program`` while the block runs; it scrapes ``target``, a host and a port, and keeps all in ``folder``.

    Raises:
        QueryFailed: It does not start.
    """
    written = configuration(target, interval)
    seconds = float(written["scrape_configs"][0]["scrape_interval"].removesuffix("s"))
    (folder / "prometheus.yml").write_text(yaml.safe_dump(written))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (folder / "prometheus.out").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            program,
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'prometheus'}",
            f"--web.listen-address=127.0.0.1:{port}",
            stdout=output,
            stderr=output,
        )
    try:
        async with aiohttp.ClientSession() as client:
            await _ready(client, f"http://127.0.0.1:{port}", process, folder / "prometheus.out")
            yield Prometheus(client, f"http://127.0.0.1:{port}", seconds)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _ready(client: aiohttp.ClientSession, url: str, process: asyncio.subprocess.Process, output: Path) -> None:
    until = time.monotonic() + PATIENCE
    while process.returncode is None and time.monotonic() < until:
        with contextlib.suppress(aiohttp.ClientError):
            async with client.get(f"{url}/-/ready") as response:
                if response.status == 200:
                    return
        await asyncio.sleep(0.1)
    raise QueryFailed(f"Prometheus did not start: {_tail(output)}")


def _tail(output: Path) -> str:
    return output.read_text(errors="replace")[-800:]
