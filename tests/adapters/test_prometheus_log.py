import pytest
from prometheus_client import CollectorRegistry, generate_latest

from adapters.memory_log import MemoryLog
from adapters.metrics_log import MeasuredLog
from adapters.metrics_process import ProcessMetrics
from pipeline.log import LogFailed, Row, VersionConflict
from tests.peers import Room
from tests.pipeline.logs import HandWorkedLog

SESSION = "01890a5d-ac96-774b-bcce-b302099a8057"


def shown(collector: object) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(collector)  # type: ignore[arg-type]  # it has what is asked of one
    lines = generate_latest(registry).decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def test_commits_are_measured_when_they_are_durable() -> None:
    now = [0.0]
    inner = HandWorkedLog()
    log, positions = MeasuredLog(inner, lambda: now[0]), list[int]()
    log.append([Row(SESSION, 1, b"x" * 100), Row(SESSION, 2, b"x" * 2000)], positions.append)
    assert shown(log)["mcp_commit_duration_seconds_count"] == 0
    now[0] = 0.25
    inner.release()
    assert positions == [1]
    figures = shown(log)
    assert figures["mcp_commit_duration_seconds_sum"] == 0.25
    assert figures['mcp_commit_duration_seconds_bucket{le="0.25"}'] == 1
    assert figures['mcp_commit_duration_seconds_bucket{le="0.1"}'] == 0
    assert (figures["mcp_commit_size_bytes_sum"], figures["mcp_commit_records_sum"]) == (2100, 2)


async def test_a_conflict_is_told_and_counted() -> None:
    inner = MemoryLog()
    log = MeasuredLog(inner)
    inner.store([Row(SESSION, 1, b"mine")])
    told: list[VersionConflict] = []
    log.append([Row(SESSION, 1, b"theirs")], lambda _: None, told.append)
    await log.close()
    await Room().turns(2)
    assert len(told) == 1
    assert shown(log)["mcp_commit_conflicts_total"] == 1
    assert shown(log)["mcp_commit_records_count"] == 0


async def test_a_conflict_that_nobody_expects_stays_a_failure_of_the_log() -> None:
    inner = MemoryLog()
    log, failures = MeasuredLog(inner), list[LogFailed]()
    log.on_failure(failures.append)
    inner.store([Row(SESSION, 1, b"mine")])
    log.append([Row(SESSION, 1, b"theirs")], lambda _: None)
    await Room().turns(2)
    assert failures
    assert log.failure is not None
    with pytest.raises(LogFailed):
        log.append([Row(SESSION, 2, b"")], lambda _: None)


async def test_a_server_runs_on_a_measured_log() -> None:
    log = MeasuredLog(MemoryLog())
    room = Room(log)  # type: ignore[arg-type]  # any log will do
    peer = room.peer()
    peer.call(1, "echo", text="x")
    await room.quiet()
    assert peer.answers(1)
    assert shown(log)["mcp_commit_records_count"] > 0
    assert log.waiting == 0


def test_the_process_tells_what_it_takes() -> None:
    figures = shown(ProcessMetrics())
    assert figures["mcp_memory_usage_bytes"] > 1e6
    assert 0 < figures["mcp_memory_usage_percent"] <= 100
    assert figures["mcp_threads"] >= 1
    assert figures["mcp_open_files"] > 0
    assert 'mcp_gc_collections_total{generation="2"}' in figures


def test_the_share_of_memory_is_what_the_server_says_it_is() -> None:
    assert shown(ProcessMetrics(lambda: 12.5))["mcp_memory_usage_percent"] == 12.5
