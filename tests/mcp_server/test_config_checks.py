"""What ``mcp-rewind doctor`` looks at, one thing after the other, on real files, ports, locks and services."""

import fcntl
import os
import resource
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import SecretStr

from mcp_server.config import Settings
from mcp_server.config.checks import files, machine, ports, sense, services
from mcp_server.config.checks.finding import Finding
from mcp_server.config.checks.run import run_checks
from operators.policy import Limit


def statuses(found: list[Finding]) -> dict[str, str]:
    return {each.check: each.status for each in found}


def test_checks_run_side_by_side_and_tell_in_their_order() -> None:
    both = threading.Barrier(2, timeout=30)  # passed only when two wait for each other

    def check(name: str) -> list[Finding]:
        both.wait()
        return [Finding(name, "ok", "")]

    assert [each.check for each in run_checks({"a": lambda: check("a"), "b": lambda: check("b")}, 30)] == ["a", "b"]


def test_a_check_that_takes_too_long_is_left_behind() -> None:
    never = threading.Event()

    def slow() -> list[Finding]:
        never.wait()
        return []

    (found, other) = run_checks({"slow": slow, "quick": lambda: [Finding("quick", "ok", "")]}, 0.2)
    never.set()
    assert (found.check, found.status, other.status) == ("slow", "wrong", "ok")


def test_a_check_that_fails_tells_nothing_of_what_it_knew() -> None:
    def broken() -> list[Finding]:
        raise KeyError("hunter2")

    (found,) = run_checks({"broken": broken})
    assert (found.status, found.found) == ("wrong", "could not be checked: KeyError")


def test_a_port_that_is_taken_is_told_with_the_process_that_has_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = ports.ports(Settings(port=port, metrics_port=0))
        assert statuses(found) == {"port": "wrong"}
        assert f"127.0.0.1:{port} is taken by process {os.getpid()} (" in found[0].found
    assert statuses(ports.ports(Settings(port=port, metrics_port=0))) == {"port": "ok"}


def test_ports_that_are_not_opened_are_not_looked_at() -> None:
    assert ports.ports(Settings(transport_type="stdio", metrics_port=0)) == []
    assert statuses(ports.ports(Settings(port=0, metrics_port=0))) == {"port": "ok"}


def test_one_port_cannot_be_both() -> None:
    assert statuses(ports.ports(Settings(port=9, metrics_port=9))) == {"metrics_port": "wrong"}


def test_an_address_that_is_not_here_is_told() -> None:
    (found,) = ports.ports(Settings(host="203.0.113.1", port=0, metrics_port=0))
    assert found.status == "ok"  # any port that is free; the address is looked at with a port
    (found,) = ports.ports(Settings(host="203.0.113.1", port=12345, metrics_port=0))
    assert (found.status, "203.0.113.1:12345" in found.found) == ("wrong", True)


def at(path: Path) -> Settings:
    return Settings(store=f"sqlite:///{path}")


def test_a_log_that_can_be_written_is_fine_and_nothing_is_made(tmp_path: Path) -> None:
    assert statuses(files.store(at(tmp_path / "new" / "events.db"))) == {"store": "ok", "lock": "ok", "disk": "ok"}
    assert list(tmp_path.iterdir()) == []
    assert statuses(files.store(Settings(store="memory:"))) == {"store": "ok"}


def test_a_log_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    (found,) = files.store(at(tmp_path / "file" / "events.db"))
    assert (found.status, "Not a directory" in found.found) == ("wrong", True)
    (found,) = files.store(at(tmp_path / "file"))
    assert (found.status, "is no SQLite database" in found.found) == ("wrong", True)
    (found,) = files.store(Settings(store="postgres://x"))
    assert (found.status, "is no store" in found.found) == ("wrong", True)


@contextmanager
def locked(lock: Path, holder: int) -> Iterator[None]:
    """Hold the lock of a log, as its writer does."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(str(holder))
        file.flush()
        yield


def gone() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_log_that_another_server_writes_is_told_with_its_process(tmp_path: Path) -> None:
    lock = tmp_path / "events.db.writer"
    with locked(lock, os.getpid()):
        found = files.store(at(tmp_path / "events.db"))[1]
        assert (found.check, found.status, found.found) == ("lock", "wrong", f"process {os.getpid()} writes this log")
    assert lock.exists()  # what it leaves behind is no lock
    assert files.store(at(tmp_path / "events.db"))[1].status == "ok"


def test_a_writer_that_outlived_its_server_is_told(tmp_path: Path) -> None:
    with locked(tmp_path / "events.db.writer", gone()):
        found = files.store(at(tmp_path / "events.db"))[1]
        assert (found.status, "is gone, and its writer is still there" in found.found) == ("wrong", True)
        if "FLOCK" in Path("/proc/locks").read_text():
            assert f"end process {os.getpid()};" in found.remedy


@pytest.mark.parametrize(("free", "status"), [(100 << 20, "wrong"), (1 << 30, "warning"), (3 << 30, "ok")])
def test_a_disk_that_is_nearly_full_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, status: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1 << 40, (1 << 40) - free, free))
    assert statuses(files.store(at(tmp_path / "events.db")))["disk"] == status
    assert statuses(files.log_file(Settings(log_file=str(tmp_path / "app.log"))))["log disk"] == status


def test_a_log_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (found,) = files.log_file(Settings(log_file=str(tmp_path)))
    assert (found.status, "Is a directory" in found.found) == ("wrong", True)
    assert statuses(files.log_file(Settings())) == {"log_file": "ok"}


def test_files_that_settings_name_and_are_not_there_are_told(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("")
    there = Settings(server=f"{tmp_path}/mine.py:server", workspace=str(tmp_path))
    assert statuses(files.folders(there)) == {"folders": "ok"}
    assert statuses(files.folders(Settings(server="a.module:server"))) == {"folders": "ok"}
    missing = Settings(server=f"{tmp_path}/none.py", workspace="/none", prompts_folder="/none")
    assert statuses(files.folders(missing)) == dict.fromkeys(("prompts_folder", "workspace", "server"), "wrong")


def test_services_that_nobody_named_are_not_asked() -> None:
    assert services.redis(Settings())[0].found == services.postgresql(Settings())[0].found == "not used"


def test_services_that_answer_are_told_with_their_clocks(redis_url: str, postgres_url: str) -> None:
    settings = Settings(redis_url=SecretStr(redis_url), database_url=SecretStr(postgres_url))
    assert statuses(services.redis(settings)) == {"redis": "ok", "redis clock": "ok"}
    assert statuses(services.postgresql(settings)) == {"postgresql": "ok", "postgresql clock": "ok"}


def test_a_database_that_is_a_file_is_looked_at_without_being_opened(tmp_path: Path) -> None:
    def checked(url: str) -> tuple[str, str]:
        (found,) = services.postgresql(Settings(database_url=SecretStr(url)))
        assert found.check == "database"
        return found.status, found.found

    new, other, empty = tmp_path / "new.db", tmp_path / "other.db", tmp_path / "empty.db"
    other.write_text("something else than a database")
    empty.touch()
    assert checked(f"sqlite:///{new}") == ("ok", f"{new} can be written")
    assert not new.exists()
    assert checked(f"sqlite:///{empty}?mode=ro") == ("ok", f"{empty} can be read")
    assert checked(f"sqlite:///{new}?mode=ro") == ("wrong", f"{new} cannot be read: No such file or directory")
    assert checked(f"sqlite:///{other}") == ("wrong", f"{other} is no SQLite database")
    assert checked(f"sqlite:///{tmp_path}/none/a.db") == ("wrong", f"there is no folder {tmp_path}/none")
    assert checked("sqlite:///:memory:")[0] == "wrong"


@pytest.mark.parametrize(("skew", "status"), [(0.2, "ok"), (-0.2, "ok"), (1.5, "warning"), (-60.0, "wrong")])
def test_a_clock_that_is_away_from_ours_is_told(monkeypatch: pytest.MonkeyPatch, skew: float, status: str) -> None:
    monkeypatch.setattr("mcp_server.config.checks.services.time.time", lambda: 1000.0)
    monkeypatch.setattr(services, "_ask_redis", lambda _: ("8", 1000.0 + skew))
    assert statuses(services.redis(Settings(redis_url=SecretStr("redis://h"))))["redis clock"] == status


@pytest.mark.parametrize(
    ("check", "setting", "url"),
    [
        (services.redis, "redis_url", "redis://:hunter2@127.0.0.1:1/0"),
        (services.redis, "redis_url", "redis://user:hunter2@127.0.0.1:hunter2/0"),
        (services.redis, "redis_url", "hunter2"),
        (services.redis, "redis_url", "redis://:hun/ter2@127.0.0.1:1/0"),
        (services.postgresql, "database_url", "postgresql://u:hunter2@127.0.0.1:1/d"),
        (services.postgresql, "database_url", "postgresql://127.0.0.1:1/d?password=hunter2&colour=hunter2"),
        (services.postgresql, "database_url", "host=127.0.0.1 port=1 password=hunter2"),
        (services.postgresql, "database_url", "hunter2"),
    ],
)
def test_a_service_that_does_not_answer_is_told_without_its_password(check: Any, setting: str, url: str) -> None:
    (found,) = check(msgspec.structs.replace(Settings(), **{setting: SecretStr(url)}))
    assert found.status == "wrong"
    assert "hunter2" not in str(found)
    assert "ter2" not in str(found)


def test_a_wrong_password_is_told_and_not_shown(redis_url: str) -> None:
    wrong = redis_url.replace("redis://", "redis://nobody:hunter2@")
    (found,) = services.redis(Settings(redis_url=SecretStr(wrong)))
    assert found.status == "wrong"
    assert "hunter2" not in str(found)


def test_packages_that_would_be_in_the_way_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        (folder / "replay").mkdir(parents=True)
        (folder / "replay" / "data.csv").write_text("")
    monkeypatch.chdir(here)
    for server in ("", "module:server", f"{there}/mine.py", f"{there}/mine.py:server"):
        assert statuses(machine.packages(server)) == {"packages": "ok"}
    (there / "events.py").write_text("")
    for server in (f"{there}/mine.py", f"{there}/mine.py:server"):
        (found,) = machine.packages(server)
        assert (found.status, str(there / "events.py") in found.found) == ("wrong", True)
    assert statuses(machine.packages("module:server")) == {"packages": "ok"}
    (here / "adapters").mkdir()
    (here / "adapters" / "mine.py").write_text("")
    assert statuses(machine.packages("")) == {"packages": "warning"}
    assert statuses(machine.packages("module:server")) == {"packages": "wrong"}
    assert [each.status for each in machine.packages(f"{there}/mine.py")] == ["wrong", "warning"]


def test_a_checkout_is_in_nobodys_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(machine.__file__).parents[3])
    assert statuses(machine.packages("")) == {"packages": "ok"}


def test_versions_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert statuses(machine.python()) == {"python": "ok", "sqlite": "ok"}
    monkeypatch.setattr(machine, "PYTHON", (99, 0))
    monkeypatch.setattr(machine, "SQLITE", (99, 0))
    assert statuses(machine.python()) == {"python": "wrong", "sqlite": "wrong"}


@pytest.mark.parametrize(
    ("limit", "status"), [((1024, 1 << 20), "warning"), ((1 << 20, 1 << 20), "ok"), ((-1, -1), "ok")]
)
def test_too_few_descriptors_for_the_connections_are_told(
    monkeypatch: pytest.MonkeyPatch, limit: tuple[int, int], status: str
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: limit)
    (found,) = machine.descriptors(Settings(max_connections=10_000))
    assert found.status == status
    assert ("ulimit -n 10128" in found.remedy) == (status == "warning")


def test_settings_that_are_hardly_meant_are_told() -> None:
    assert statuses(sense.sense(Settings())) == {"settings": "ok"}
    odd = Settings(host="0.0.0.0", jwt_secret_key=SecretStr("short"), debug=True, store="memory:", audit=False)
    assert statuses(sense.sense(odd)) == dict.fromkeys(("jwt_secret_key", "allowed_hosts"), "warning")
    assert "short" not in str(sense.sense(odd)).replace("too short", "")


def test_a_server_that_could_not_tell_who_calls_is_told_of() -> None:
    (found,) = sense.sense(Settings(auth_issuer="https://issuer.example"))
    assert (found.check, found.status) == ("authentication", "wrong")
    assert "auth_audience" in found.found


def test_production_is_looked_at_more_strictly() -> None:
    odd = Settings(environment="production", debug=True, store="memory:", audit=False)
    assert statuses(sense.sense(odd)) == dict.fromkeys(("debug", "store", "limits", "audit"), "warning")
    good = Settings(environment="production", limits=(Limit("a", "session", 1.0, 1.0),))
    assert statuses(sense.sense(good)) == {"settings": "ok"}
