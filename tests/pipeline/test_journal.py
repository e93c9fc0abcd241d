from collections.abc import Callable
from uuid import UUID

import pytest

from events.event import Decided, Observed, Step
from events.record import unpack
from pipeline.journal import GROUP, IN_FLIGHT, Journal, Lost, Recorded
from tests.facts import OTHER, SESSION, closed, failed, opened, request, returned
from tests.pipeline.logs import HandWorkedLog


class Desk:
    """A journal, its log, and the end of the turn, all worked by hand."""

    def __init__(self) -> None:
        self.log = HandWorkedLog()
        self.accepted: list[Step] = []
        self.recorded: list[Recorded] = []
        self.lost: list[Lost] = []
        self._soon: list[Callable[[], object]] = []
        self.journal = Journal(self.log, self._soon.append)
        self.journal.accepted.subscribe(self.accepted.append)
        self.journal.recorded.subscribe(self.recorded.append)
        self.journal.lost.subscribe(self.lost.append)

    def add(self, *facts: Observed) -> None:
        for fact in facts:
            self.journal.add(step(fact))

    def turn(self) -> None:
        """End the turn of the event loop."""
        soon, self._soon[:] = list(self._soon), []
        for call in soon:
            call()

    @property
    def facts(self) -> list[Observed]:
        """The facts that are said to be durable, in order."""
        return [step.fact for record in self.recorded for step in record.steps]


def step(fact: Observed, *decisions: Decided) -> Step:
    return Step(fact, decisions)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_nothing_is_recorded_before_the_log_says_that_it_is_durable(desk: Desk) -> None:
    desk.add(opened(), request(1))
    assert desk.accepted == [step(opened()), step(request(1))]
    desk.turn()
    assert desk.recorded == []
    desk.log.release()
    assert desk.recorded == [Recorded(1, [step(opened()), step(request(1))])]


def test_what_came_in_one_turn_is_one_record_for_each_session(desk: Desk) -> None:
    desk.add(opened(), opened(session=OTHER), request(1), request(1, session=OTHER))
    desk.turn()
    ((rows, _),) = desk.log.appended
    assert [(row.session, row.version) for row in rows] == [(SESSION, 1), (OTHER, 1)]
    assert unpack(rows[0].state, SESSION) == [step(opened()), step(request(1))]
    desk.log.release()
    assert [record.position for record in desk.recorded] == [1, 2]


def test_a_session_is_being_written_until_all_of_it_is_durable(desk: Desk) -> None:
    desk.add(opened(), opened(session=OTHER))
    assert desk.journal.is_writing(SESSION)
    desk.turn()
    desk.add(request(1), closed())
    desk.log.release()
    assert not desk.journal.is_writing(OTHER)
    assert desk.journal.is_writing(SESSION)
    desk.log.release()
    assert not desk.journal.is_writing(SESSION)


def test_steps_gather_while_the_log_is_busy_and_go_out_as_one_group(desk: Desk) -> None:
    desk.add(opened())
    desk.turn()
    for number in range(1, 10):
        desk.add(request(number))
        desk.turn()
    assert len(desk.log.appended) == 1
    desk.log.release()
    assert len(desk.log.appended) == 1
    desk.log.release()
    assert desk.log.rows(SESSION) == [(1, 1), (2, 2)]
    assert desk.facts == [opened(), *(request(number) for number in range(1, 10))]


def test_a_group_that_is_large_enough_does_not_wait_for_the_end_of_the_turn(desk: Desk) -> None:
    sessions = [str(UUID(int=number)) for number in range(GROUP * (IN_FLIGHT + 1))]
    desk.add(*(opened(session=session) for session in sessions[:GROUP]))
    assert not desk.log.appended
    desk.add(request(1, session=sessions[GROUP - 1]))  # what follows from the last one of the group goes with it
    assert not desk.log.appended
    desk.add(*(opened(session=session) for session in sessions[GROUP:]))
    assert [len(rows) for rows, _ in desk.log.appended] == [GROUP] * IN_FLIGHT
    desk.turn()
    assert len(desk.log.appended) == IN_FLIGHT  # it is busy, however large the next group is
    while desk.log.appended:
        desk.log.release()
    assert len(desk.log.rows(sessions[GROUP - 1])) == 1
    facts = [opened(session=session) for session in sessions]
    assert desk.facts == [*facts[:GROUP], request(1, session=sessions[GROUP - 1]), *facts[GROUP:]]


def test_a_large_group_is_appended_at_the_end_of_the_turn_although_the_log_is_busy(desk: Desk) -> None:
    sessions = [str(UUID(int=number)) for number in range(GROUP)]
    desk.add(opened())
    desk.turn()
    desk.add(*(opened(session=session) for session in sessions[1:]))
    desk.turn()
    assert len(desk.log.appended) == 1
    desk.add(opened(session=sessions[0]))
    desk.turn()
    assert [len(rows) for rows, _ in desk.log.appended] == [1, GROUP]


def test_versions_count_up_in_each_session_and_positions_in_the_log(desk: Desk) -> None:
    for facts in ([opened()], [opened(session=OTHER), request(1)], [request(1, session=OTHER)], [returned(1)]):
        desk.add(*facts)
        desk.turn()
        desk.log.release()
    assert desk.log.rows(SESSION) == [(1, 1), (3, 2), (5, 3)]
    assert desk.log.rows(OTHER) == [(2, 1), (4, 2)]
    assert [record.position for record in desk.recorded] == [1, 2, 3, 4, 5]


def test_a_session_that_is_resumed_goes_on_where_its_log_ends(desk: Desk) -> None:
    desk.journal.resume(SESSION, 7)
    desk.add(request(1))
    desk.turn()
    assert desk.log.appended[0][0][0].version == 8


def test_a_closed_session_is_forgotten(desk: Desk) -> None:
    desk.add(opened(), closed())
    desk.turn()
    desk.log.release()
    desk.add(opened())
    desk.turn()
    assert desk.log.appended[0][0][0].version == 1


def test_an_effect_may_add_steps_while_a_record_is_handed_out(desk: Desk) -> None:
    desk.journal.recorded.subscribe(lambda record: desk.add(returned(1)) if step(request(1)) in record.steps else None)
    desk.add(opened(), opened(session=OTHER), request(1))
    desk.turn()
    desk.log.release()
    desk.turn()
    desk.log.release()
    assert desk.facts == [opened(), request(1), opened(session=OTHER), returned(1)]
    assert desk.log.rows(SESSION) == [(1, 1), (3, 2)]


def test_the_journal_is_idle_when_everything_is_durable(desk: Desk) -> None:
    assert desk.journal.idle
    desk.add(opened())
    assert not desk.journal.idle
    desk.turn()
    assert not desk.journal.idle
    desk.log.release()
    assert desk.journal.idle


def test_after_a_failure_nothing_is_recorded_or_accepted(desk: Desk) -> None:
    desk.add(opened())
    desk.turn()
    desk.add(request(1))
    desk.log.fail("the disk is full")
    desk.turn()
    desk.add(request(2))
    desk.turn()
    assert str(desk.journal.failure) == "the disk is full"
    assert len(desk.log.appended) == 1
    assert desk.recorded == []
    assert desk.accepted == [step(opened()), step(request(1))]


def test_a_log_that_fails_while_rows_are_appended_stops_the_journal_without_an_exception(desk: Desk) -> None:
    class Failing(HandWorkedLog):
        def append(self, *arguments: object, **more: object) -> None:
            self.fail("the writer is gone")
            super().append([], lambda _: None)

    log = Failing()
    soon: list[Callable[[], object]] = []
    journal = Journal(log, soon.append)
    journal.add(step(opened()))
    soon.pop()()
    assert str(journal.failure) == "the writer is gone"
    assert journal.idle


UNWRITABLE = failed(1, message="\ud800")


def test_a_step_without_a_stored_form_costs_its_own_session_and_no_other(desk: Desk) -> None:
    desk.add(opened(), opened(session=OTHER))
    desk.turn()
    desk.log.release()
    desk.add(request(1), request(1, session=OTHER), UNWRITABLE)
    desk.turn()
    assert desk.lost == [Lost(SESSION, [step(request(1)), step(UNWRITABLE)])]
    desk.log.release()
    assert desk.facts == [opened(), opened(session=OTHER), request(1, session=OTHER)]
    assert (desk.log.rows(SESSION), desk.log.rows(OTHER)) == ([(1, 1)], [(2, 1), (3, 2)])
    assert desk.journal.failure is None
    assert desk.journal.idle


def test_what_comes_after_a_lost_step_is_lost_too_until_the_session_closes(desk: Desk) -> None:
    desk.add(opened(), UNWRITABLE)
    desk.turn()
    accepted = list(desk.accepted)
    desk.add(request(2), closed(), opened(session=OTHER))
    assert desk.lost[1:] == [Lost(SESSION, [step(request(2))]), Lost(SESSION, [step(closed())])]
    assert desk.accepted == [*accepted, step(opened(session=OTHER))]
    desk.turn()
    desk.log.release()
    assert desk.facts == [opened(session=OTHER)]
    assert (desk.journal._broken, desk.journal._versions) == (set(), {OTHER: 1})


def test_a_session_whose_end_is_lost_is_forgotten(desk: Desk) -> None:
    desk.add(opened())
    desk.turn()
    desk.log.release()
    desk.add(UNWRITABLE, closed())
    desk.turn()
    assert [type(each.steps[-1].fact) for each in desk.lost] == [type(closed())]
    assert (desk.journal._broken, desk.journal._versions) == (set(), {})


def test_a_session_that_is_ended_while_its_loss_is_told_leaves_the_journal_in_order(desk: Desk) -> None:
    desk.journal.lost.subscribe(lambda lost: desk.add(closed()) if len(desk.lost) == 1 else None)
    desk.add(opened(), UNWRITABLE, opened(session=OTHER))
    desk.turn()
    desk.log.release()
    assert [each.steps[-1].fact for each in desk.lost] == [UNWRITABLE, closed()]
    assert desk.log.rows(OTHER) == [(1, 1)]
    assert desk.journal.idle
