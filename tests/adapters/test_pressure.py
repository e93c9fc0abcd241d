import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.memory_cache import MemoryCache
from adapters.pressure import KEPT, Level, Thresholds, pause, relieve, slope

LEVELS = st.sampled_from(list(Level))
PERCENTS = st.floats(0, 120)


@st.composite
def thresholds(draw: st.DrawFn) -> Thresholds:
    margin, elevated, high, critical = sorted(draw(st.sets(st.integers(0, 100), min_size=4, max_size=4)))
    return Thresholds(elevated, high, critical, margin)


def followed(rules: Thresholds, level: Level, percent: float) -> Level:
    """The same, one level at a time: up while the next one's threshold is reached, else down while below the margin."""
    from_where = {Level.ELEVATED: rules.elevated, Level.HIGH: rules.high, Level.CRITICAL: rules.critical}
    rose = False
    while level < Level.CRITICAL and percent >= from_where[Level(level + 1)]:
        level, rose = Level(level + 1), True
    while not rose and level > Level.NORMAL and percent + rules.margin < from_where[level]:
        level = Level(level - 1)
    return level


@given(thresholds(), st.lists(PERCENTS, max_size=30))
def test_levels_follow_use(rules: Thresholds, percents: list[float]) -> None:
    level = Level.NORMAL
    for percent in percents:
        expected = followed(rules, level, percent)
        level = rules.next(level, percent)
        assert level is expected


@given(thresholds(), LEVELS, PERCENTS)
def test_the_same_use_again_changes_nothing(rules: Thresholds, level: Level, percent: float) -> None:
    once = rules.next(level, percent)
    assert rules.next(once, percent) is once


@given(thresholds(), LEVELS, PERCENTS, PERCENTS)
def test_more_use_never_means_a_lower_level(rules: Thresholds, level: Level, a: float, b: float) -> None:
    less, more = sorted((a, b))
    assert rules.next(level, less) <= rules.next(level, more)


@given(thresholds(), PERCENTS, st.lists(st.floats(0, 1, exclude_max=True), min_size=2, max_size=30))
def test_use_that_swings_by_less_than_the_margin_changes_the_level_once_up_for_each_threshold_and_never_down(
    rules: Thresholds, lowest: float, swings: list[float]
) -> None:
    level, seen = Level.NORMAL, []
    for swing in swings:
        level = rules.next(level, lowest + swing * rules.margin * 0.999)
        seen.append(level)
    assert seen == sorted(seen)


def test_a_level_begins_at_its_threshold_and_ends_below_its_margin() -> None:
    rules = Thresholds(70, 80, 90, margin=5)
    uses = [69.9, 70, 79.9, 80, 95, 85, 84.9, 75, 74.9, 65, 64.9, 99, 10]
    level, levels = Level.NORMAL, []
    for percent in uses:
        level = rules.next(level, percent)
        levels.append(str(level))
    assert levels == [
        *("normal", "elevated", "elevated", "high", "critical", "critical", "high"),
        *("high", "elevated", "elevated", "normal", "critical", "normal"),
    ]


@pytest.mark.parametrize("wrong", [(80, 70, 90, 5), (70, 80, 101, 5), (70, 80, 90, 70), (70, 80, 90, -1), (0, 1, 2, 0)])
def test_thresholds_have_an_order(wrong: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="thresholds must be"):
        Thresholds(*wrong)


@given(LEVELS, st.floats(0.001, 1e6))
def test_readings_come_sooner_under_pressure_and_never_in_a_busy_loop(level: Level, interval: float) -> None:
    assert min(interval, 0.5) <= pause(level, interval) <= interval
    assert level is Level.NORMAL or pause(level, interval) <= pause(Level(level - 1), interval)


@given(st.integers(-1000, 1000), st.integers(-1000, 1000), st.sets(st.integers(-1000, 1000), min_size=2, max_size=30))
def test_the_slope_of_a_line_is_its_own(rise: int, start: int, xs: set[int]) -> None:
    assert slope([(x, start + rise * x) for x in xs]) == pytest.approx(rise, abs=1e-6)


@given(st.lists(st.tuples(st.just(3.0), st.floats(-10, 10)), max_size=5))
def test_points_of_one_moment_have_no_slope(points: list[tuple[float, float]]) -> None:
    assert slope(points) == 0.0


def filled(cache: MemoryCache) -> int:
    """What a cache holds when it was given more than it may hold."""
    for number in range(200):
        cache.keep(f"key {number}", bytes(1000), 0.0, 60.0)
    return cache.bytes


@given(st.lists(LEVELS, max_size=10))
def test_a_cache_holds_its_part_of_what_it_may_for_as_long_as_a_level_lasts(levels: list[Level]) -> None:
    cache, before, most = MemoryCache(10_000, 100_000), Level.NORMAL, 100_000
    for level in levels:
        held = filled(cache)
        relieve(cache, before, level)
        assert cache.bytes <= (held * KEPT[level] if level > before else held)
        assert cache.bytes <= most * KEPT[level]
        relieve(cache, level, level)
        assert level is Level.CRITICAL or filled(cache) > most * KEPT[level] - 2000  # not even one more
        assert filled(cache) <= most * KEPT[level]
        before = level
