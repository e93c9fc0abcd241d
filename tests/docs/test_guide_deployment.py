"""What the guide shows of deployment works as it stands there, as far as that goes without a Docker engine."""

import json
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.request
from pathlib import Path

import pytest
import yaml

from mcp_server.config import Settings, load_settings
from tests.children import LONG
from tests.deploy.test_monitoring import ALERTS
from tests.docs.pages import DOCS, ROOT, blocks, coded, rows
from tests.docs.terminal import BIN, environment

PAGE = DOCS / "guide" / "deployment.md"
SHELL = [block.text for block in blocks(PAGE, "bash")]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder that looks like a checkout from which the server is run."""
    (tmp_path / "config").mkdir()
    return tmp_path


def with_word(word: str) -> str:
    (found,) = [text for text in SHELL if word in text]
    return found


def variables(text: str) -> dict[str, str]:
    return dict(re.findall(r"^export (\w+)=(.*)$", text, re.MULTILINE))


def test_the_requirements_that_are_shown_are_there_and_complete() -> None:
    """Where everything is installed already, as here, the command needs no network, and finds nothing missing."""
    (command,) = [line for line in with_word("pip install").splitlines() if line.startswith("pip")]
    done = subprocess.run(
        [sys.executable, "-m", *command.split(), "--no-index", "--dry-run"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "already satisfied" in done.stdout
    assert "Would install" not in done.stdout


def test_the_variables_that_are_shown_are_settings() -> None:
    exported = variables(with_word("export"))
    settings = load_settings(None, exported, {})
    assert settings.environment == "production"
    secrets = (settings.database_url, settings.redis_url, settings.jwt_secret_key)
    assert [secret.get_secret_value() for secret in secrets if secret] == list(exported.values())[1:]


def write_configuration(checkout: Path) -> Path:
    subprocess.run(
        ["sh", "-e", "-c", with_word("cat > config/production.json")], cwd=checkout, check=True, timeout=LONG
    )
    return checkout / "config" / "production.json"


def test_the_configuration_that_is_written_is_the_one_that_comes_along(checkout: Path) -> None:
    written = write_configuration(checkout)
    assert load_settings(written, {}, {}) == load_settings(ROOT / "config" / "production.json", {}, {})
    assert load_settings(written, {}, {}).cache_max_entries == 50_000


def free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]


def test_the_server_starts_and_answers_as_shown(checkout: Path, redis_url: str, postgres_url: str) -> None:
    """The names of the hosts that are shown are those of the containers; here they are servers of the tests."""
    write_configuration(checkout)
    port, metrics = free_ports()
    command = with_word("python -m mcp_server.server").replace("8080", str(port))
    own = {"LOG_FILE": str(checkout / "app.log"), "MCP_METRICS_PORT": str(metrics), "MCP_STORE": "sqlite:///events.db"}
    own |= {"REDIS_URL": redis_url, "DATABASE_URL": postgres_url}
    with subprocess.Popen(
        ["sh", "-c", f"exec {command.splitlines()[-1]}"],
        cwd=checkout,
        env={**environment(), **variables(with_word("export")), **own},
        stdout=subprocess.DEVNULL,
    ) as process:
        try:
            health = with_word("curl http://localhost:8080/health").splitlines()[1].split()[-1]
            assert json.loads(fetched(health.replace("8080", str(port)), process))["status"] == "healthy"
        finally:
            process.terminate()
    assert process.returncode == 0


def uninstalled() -> tuple[str, dict[str, str]]:
    """A Python that has the packages of the requirements, and an environment in which nothing of ours is installed."""
    found = {key: value for key, value in environment().items() if key != "VIRTUAL_ENV"}
    # What a folder of this variable says of editable installs is not read.
    return str(Path(sys.executable).resolve()), {**found, "PYTHONPATH": sysconfig.get_path("purelib")}


def test_it_starts_and_is_well_in_a_checkout_that_nobody_installed(tmp_path: Path) -> None:
    python, env = uninstalled()
    control = subprocess.run(
        [python, "-c", "import msgspec, adapters"], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert "No module named 'adapters'" in control.stderr
    start(with_word("python -m mcp_server.server").splitlines()[-1].split(), tmp_path)


def start(command: list[str], folder: Path, **given: str) -> None:
    """Run a command of the page in this checkout, until the server is well and then to its end."""
    python, env = uninstalled()
    port, _ = free_ports()
    own = {"LOG_FILE": str(folder / "app.log"), "MCP_METRICS_PORT": "0", "MCP_WORKSPACE": str(folder), **given}
    own["MCP_STORE"] = f"sqlite:///{folder / 'events.db'}"
    words = [word.replace("8080", str(port)) for word in command[1:]]
    with subprocess.Popen([python, *words], cwd=ROOT, env=env | own, stdout=subprocess.DEVNULL) as process:
        try:
            late = time.monotonic() + LONG
            while (report := json.loads(fetched(f"http://127.0.0.1:{port}/health", process)))["status"] != "healthy":
                assert time.monotonic() < late, report  # the audit view is built after the first answer
                time.sleep(0.2)
        finally:
            process.terminate()
    assert process.returncode == 0


def fetched(url: str, process: "subprocess.Popen[bytes]") -> str:
    """What ``curl`` would print, as soon as there is a server."""
    late = time.monotonic() + LONG
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < late, "the server does not come up"
            time.sleep(0.05)


def test_the_doctor_takes_what_is_shown(checkout: Path) -> None:
    write_configuration(checkout)
    port, _ = free_ports()
    command = with_word("mcp-rewind doctor").strip().replace("8080", str(port))
    own = {"LOG_FILE": str(checkout / "app.log"), "MCP_METRICS_PORT": "0"}
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=checkout,
        env={**environment(), **own},
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_the_short_dockerfile_copies_what_is_there_and_starts_the_server(tmp_path: Path) -> None:
    (block,) = blocks(PAGE, "dockerfile")
    for source in re.findall(r"^COPY (\S+) ", block.text, re.MULTILINE):
        assert (ROOT / source).exists()
    (command,) = re.findall(r"^CMD (.*)$", block.text, re.MULTILINE)
    start(json.loads(command), tmp_path, MCP_HOST="0.0.0.0")


def test_what_prometheus_is_told_is_what_comes_along() -> None:
    (block,) = blocks(PAGE, "yaml")
    kept = yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text())
    assert yaml.safe_load(block.text)["scrape_configs"] == kept["scrape_configs"]
    assert with_word("8001/metrics").endswith(f"curl http://localhost:{Settings().metrics_port}/metrics\n")


def test_the_files_for_the_composition_are_there() -> None:
    copied, started = with_word("docker compose").splitlines()
    assert (ROOT / copied.split()[1]).is_file()
    assert started == "docker compose up --wait"
    assert shutil.which("mcp-rewind", path=str(BIN))


def test_every_alert_is_described() -> None:
    there = [rule["alert"] for group in ALERTS["groups"] for rule in group["rules"]]
    assert [coded(name)[0] for name, _ in rows(PAGE, "alert")] == there
