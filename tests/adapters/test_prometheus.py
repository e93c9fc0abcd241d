from prometheus_client import CollectorRegistry, generate_latest

from adapters import prometheus
from adapters.prometheus import BUCKETS, PrometheusMeter
from events import codes
from mcp_server.effects import Durability
from replay.replay import verify
from tests.peers import Room


def shown(meter: PrometheusMeter) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(meter)
    lines = generate_latest(registry).decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def test_requests_are_counted_by_method_name_and_outcome() -> None:
    meter = PrometheusMeter({})
    for outcome in ("ok", "ok", "tool error", "throttled"):
        meter.answered("tools/call", "echo", outcome, 0.01)
    figures = shown(meter)
    assert figures['mcp_requests_total{method="tools/call",name="echo",outcome="ok"}'] == 2
    assert figures['mcp_requests_total{method="tools/call",name="echo",outcome="tool error"}'] == 1
    assert figures['mcp_requests_total{method="tools/call",name="echo",outcome="throttled"}'] == 1


def test_names_that_nothing_answered_to_are_not_told_apart() -> None:
    meter = PrometheusMeter({})
    for number in range(1000):
        meter.answered("tools/call", f"guess {number}", "error", 0.0)
    assert [name for name in shown(meter) if name.startswith("mcp_requests_total")] == [
        'mcp_requests_total{method="tools/call",name="",outcome="error"}'
    ]


def test_methods_that_nothing_answered_to_are_not_told_apart() -> None:
    meter = PrometheusMeter({})
    for number in range(500):
        meter.answered(f"guess/{number}", "", "rejected", 0.0)
    meter.answered("health/check", "", "ok", 0.0)
    meter.answered("health/check", "", "error", 0.0)
    meter.answered("tools/list", "", "rejected", 0.0)
    assert {
        name for name in shown(meter) if name.startswith(("mcp_requests_total", "mcp_request_duration_seconds_c"))
    } == {
        'mcp_requests_total{method="other",name="",outcome="rejected"}',
        'mcp_requests_total{method="health/check",name="",outcome="ok"}',
        'mcp_requests_total{method="health/check",name="",outcome="error"}',
        'mcp_requests_total{method="tools/list",name="",outcome="rejected"}',
        'mcp_request_duration_seconds_count{method="other"}',
        'mcp_request_duration_seconds_count{method="health/check"}',
        'mcp_request_duration_seconds_count{method="tools/list"}',
    }


def test_only_so_many_methods_are_told_apart() -> None:
    meter = PrometheusMeter({})
    for number in range(prometheus.MOST_METHODS * 2):
        meter.answered(f"own/{number}", "", "ok", 0.0)
    assert len({name for name in shown(meter) if name.startswith("mcp_requests_total")}) <= prometheus.MOST_METHODS


def test_errors_are_counted_by_code_and_the_codes_of_tools_are_not_told_apart() -> None:
    meter = PrometheusMeter({})
    for code in (codes.OVERLOADED, codes.OVERLOADED, *range(1000)):
        meter.failed(code)
    figures = shown(meter)
    assert figures['mcp_errors_total{code="-31001",error="overloaded"}'] == 2
    assert figures['mcp_errors_total{code="other",error="other"}'] == 1000
    assert len([name for name in figures if name.startswith("mcp_errors_total")]) == 2


def test_what_is_emitted_before_an_answer_is_counted() -> None:
    meter = PrometheusMeter({})
    for kind in ("chunk", "chunk", "log"):
        meter.emitted(kind)
    figures = shown(meter)
    assert (figures['mcp_emitted_total{kind="chunk"}'], figures['mcp_emitted_total{kind="log"}']) == (2, 1)


async def test_a_replay_recomputes_the_figures_of_the_live_run() -> None:
    room = Room(durability=Durability.STRICT)
    peer = room.peer()
    for number in range(5):
        peer.call(number, "shared", text=f"{number % 2}")
        peer.call(f"{number}", "fail", text="x")
    peer.call(10, "report", {"progressToken": "p"}, gate="g")
    room.tools.gates["g"].set()
    peer.ask(11, "no/such")
    peer.say(b"{")
    await room.quiet()
    peer.leave()
    await room.quiet()
    replayed = PrometheusMeter({})
    assert all(verdict.holds for verdict in verify(room.log.reader().records(), replayed))
    live, again = shown(room.app.meter), shown(replayed)
    assert again == {name: value for name, value in live.items() if name in again}
    assert any("progress" in name for name in again)
    assert any("cached" in name for name in again)
    assert any('outcome="tool error"' in name for name in again)


def test_only_so_many_names_are_told_apart(monkeypatch: object) -> None:
    meter = PrometheusMeter({})
    for number in range(prometheus.MOST_NAMES + 10):
        meter.answered("resources/read", f"u{number}", "ok", 0.0)
    figures = shown(meter)
    assert figures['mcp_requests_total{method="resources/read",name="",outcome="ok"}'] == 10


def test_seconds_fall_into_buckets_that_include_their_bound() -> None:
    meter = PrometheusMeter({})
    for seconds in (0.0, 0.001, 0.0011, 29.0, 31.0):
        meter.answered("ping", "", "ok", seconds)
    figures = shown(meter)

    def bucket(bound: str) -> float:
        return figures[f'mcp_request_duration_seconds_bucket{{le="{bound}",method="ping"}}']

    assert [bucket("0.001"), bucket("0.0025"), bucket("30.0"), bucket("+Inf")] == [2, 3, 4, 5]
    assert figures['mcp_request_duration_seconds_count{method="ping"}'] == 5
    assert figures['mcp_request_duration_seconds_sum{method="ping"}'] == 0.001 + 0.0011 + 29.0 + 31.0
    assert list(BUCKETS) == sorted(BUCKETS)


def test_sessions_are_counted() -> None:
    meter = PrometheusMeter({})
    for change in (1, 1, -1):
        meter.sessions(change)
    figures = shown(meter)
    assert (figures["mcp_sessions_open"], figures["mcp_sessions_opened_total"]) == (1, 2)


def test_gauges_are_read_when_they_are_shown() -> None:
    now = [1.0]
    meter = PrometheusMeter({"mcp_waiting": ("Bytes that wait", lambda: now[0])})
    assert shown(meter)["mcp_waiting"] == 1
    now[0] = 7
    assert shown(meter)["mcp_waiting"] == 7
