"""A job beside something more urgent rests as long as it worked, and only while that goes on."""

from adapters.turns import STRETCH, Turns, at_once


class Day:
    """A clock that moves by the work and the rests."""

    def __init__(self) -> None:
        self.now = 0.0
        self.rests: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.rests.append(seconds)
        self.now += seconds

    def work(self, turns: Turns, items: int, each: float) -> None:
        taken = []
        for item in turns(range(items)):
            taken.append(item)
            self.now += each
        assert taken == list(range(items))


def test_it_rests_after_each_stretch_for_as_long_as_that_took() -> None:
    day = Day()
    day.work(Turns(lambda: True, day.clock, day.sleep), 3 * STRETCH, 0.25)
    assert day.rests == [STRETCH * 0.25] * 3


def test_it_goes_on_at_once_while_nothing_is_urgent() -> None:
    day = Day()
    day.work(Turns(lambda: False, day.clock, day.sleep), 3 * STRETCH, 0.25)
    assert day.rests == []


def test_it_asks_again_after_each_stretch() -> None:
    day, answers = Day(), iter([True, False, True])
    day.work(Turns(lambda: next(answers), day.clock, day.sleep), 3 * STRETCH, 1.0)
    assert day.rests == [STRETCH, STRETCH]


def test_what_is_not_work_of_its_own_does_not_count() -> None:
    day = Day()
    turns = Turns(lambda: True, day.clock, day.sleep)
    day.work(turns, STRETCH, 1.0)
    day.now += 1000
    day.work(turns, STRETCH, 1.0)
    assert day.rests == [STRETCH, STRETCH]


def test_at_once_hands_on_what_it_is_given() -> None:
    items = [1, 2]
    assert at_once(items) is items
