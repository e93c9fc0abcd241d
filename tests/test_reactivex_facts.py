"""Facts about reactivex that the code leans on. When one of them changes, so may what was built on it."""

import logging
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import reactivex
from reactivex import Observable, operators
from reactivex.abc import DisposableBase, ObserverBase, SchedulerBase
from reactivex.scheduler import HistoricalScheduler
from reactivex.subject import Subject

START = datetime(2026, 1, 1, tzinfo=UTC)


def inverse(value: int) -> float:
    return 1 / value


def inverse_of_next(value: int) -> float:
    return 1 / (value + 1)


def later(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_a_historical_clock_begins_at_the_epoch_before_any_recorded_event() -> None:
    assert HistoricalScheduler().now == datetime(1970, 1, 1, tzinfo=UTC)


def test_a_clock_that_is_advanced_runs_what_is_due_in_order_each_at_its_time() -> None:
    clock, ran = HistoricalScheduler(START), list[tuple[str, datetime]]()

    def note(name: str) -> Callable[..., None]:
        return lambda *_: ran.append((name, clock.now))

    clock.schedule_absolute(later(2), note("second"))
    clock.schedule_absolute(later(1), note("first"))
    clock.schedule_absolute(later(3), note("third"))
    clock.advance_to(later(2))
    assert ran == [("first", later(1)), ("second", later(2))]
    assert clock.now == later(2)


def test_a_timer_that_is_due_by_now_fires_before_an_event_of_now_is_pushed() -> None:
    clock, source, out = HistoricalScheduler(START), Subject[str](), list[str]()
    reactivex.merge(source, reactivex.timer(later(1)).pipe(operators.map(lambda _: "timer"))).subscribe(
        out.append, scheduler=clock
    )
    clock.advance_to(later(0.5))  # merge subscribes on the clock's next turn
    clock.advance_to(later(1))
    source.on_next("event")
    assert out == ["timer", "event"]


def test_a_clock_is_not_advanced_to_the_past_and_may_be_advanced_to_now() -> None:
    clock = HistoricalScheduler(START)
    clock.advance_to(START)
    with pytest.raises(reactivex.internal.ArgumentOutOfRangeException):
        clock.advance_to(later(-1))


MANY_AT_ONE_INSTANT = """
from datetime import UTC, datetime
from reactivex.scheduler import HistoricalScheduler
start = datetime(2026, 1, 1, tzinfo=UTC)
clock, ran = HistoricalScheduler(start), []
for number in range(250):
    clock.schedule_absolute(start, lambda *_: ran.append(1))
clock.{how}
print(len(ran))
"""


def run(how: str, seconds: float) -> str:
    program = MANY_AT_ONE_INSTANT.format(how=how)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=seconds, check=True)
    return done.stdout


def test_a_clock_is_advanced_and_never_started_because_start_hangs() -> None:
    assert run("advance_to(datetime(2026, 1, 2, tzinfo=UTC))", 50) == "250\n"
    with pytest.raises(subprocess.TimeoutExpired):
        run("start()", 2)


def test_timed_operators_use_the_clock_of_the_subscriber() -> None:
    """So a chain has no scheduler in it: the live one gets the event loop's, a replay a historical one."""
    clock, source, out = HistoricalScheduler(START), Subject[str](), list[str]()
    source.pipe(operators.debounce(5.0)).subscribe(out.append, scheduler=clock)
    source.on_next("a")
    clock.advance_to(later(4))
    source.on_next("b")
    clock.advance_to(later(8))
    assert out == []
    clock.advance_to(later(9))
    assert out == ["b"]


def test_a_created_observable_is_given_the_scheduler_of_its_subscriber() -> None:
    """``stage`` hands it on, so that a timed operator before it runs in virtual time too."""
    given: list[object] = []

    def subscribe(observer: ObserverBase[int], scheduler: SchedulerBase | None = None) -> DisposableBase:
        given.append(scheduler)
        return reactivex.empty().subscribe(observer, scheduler=scheduler)

    clock = HistoricalScheduler(START)
    reactivex.create(subscribe).pipe(operators.map(str), operators.filter(bool)).subscribe(scheduler=clock)
    assert given == [clock]


def test_pushing_from_inside_a_subscriber_shows_others_another_order() -> None:
    """So there is one ingress with a queue."""
    subject, first, second = Subject[int](), list[int](), list[int]()

    def on_next(value: int) -> None:
        first.append(value)
        if value == 1:
            subject.on_next(2)

    subject.subscribe(on_next)
    subject.subscribe(second.append)
    subject.on_next(1)
    assert (first, second) == ([1, 2], [2, 1])


def test_an_exception_in_a_subscriber_reaches_the_pusher_and_costs_the_others_the_value() -> None:
    """So effects catch what they raise."""
    subject, after = Subject[int](), list[int]()

    def fail(value: int) -> None:
        if value == 1:
            raise ZeroDivisionError

    subject.subscribe(fail)
    subject.subscribe(after.append)
    with pytest.raises(ZeroDivisionError):
        subject.on_next(1)
    subject.on_next(2)
    assert after == [2]


def test_an_exception_in_a_mapper_ends_the_stream_for_everyone() -> None:
    """So a stage turns an exception into an event."""
    subject, out, errors = Subject[int](), list[float](), list[Exception]()
    subject.pipe(operators.map(inverse)).subscribe(out.append, errors.append)
    for value in (1, 0, 2):
        subject.on_next(value)
    assert out == [1.0]
    assert [type(error) for error in errors] == [ZeroDivisionError]


def test_an_exception_in_a_created_observable_leaves_its_subscription_as_it_was() -> None:
    subject, out = Subject[int](), list[float]()

    def lift(source: Observable[int]) -> Observable[float]:
        def subscribe(observer: ObserverBase[float], scheduler: SchedulerBase | None = None) -> DisposableBase:
            return source.subscribe(lambda value: observer.on_next(1 / value), scheduler=scheduler)

        return reactivex.create(subscribe)

    subject.pipe(lift).subscribe(out.append)
    subject.on_next(1)
    with pytest.raises(ZeroDivisionError):
        subject.on_next(0)
    subject.on_next(2)
    assert out == [1.0, 0.5]


def test_without_a_handler_an_error_is_raised_where_it_was_pushed(caplog: pytest.LogCaptureFixture) -> None:
    subject = Subject[int]()
    subject.subscribe()
    with caplog.at_level(logging.ERROR, "Rx"), pytest.raises(OSError, match="broken"):
        subject.on_error(OSError("broken"))


def test_an_observable_may_be_subclassed_by_its_core_alone() -> None:
    """``Hot`` is one."""

    class Three(Observable[int]):
        def _subscribe_core(
            self, observer: ObserverBase[int], scheduler: SchedulerBase | None = None
        ) -> DisposableBase:
            for value in range(3):
                observer.on_next(value)
            return reactivex.disposable.Disposable()

    out: list[float] = []
    Three().pipe(operators.map(inverse_of_next)).subscribe(out.append)
    assert out == [1.0, 0.5, 1 / 3]
