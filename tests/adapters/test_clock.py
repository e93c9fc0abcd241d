import uuid

import pytest

from adapters.clock import new_session_id, wall_clock


def test_time_never_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([5.0, 4.0, 4.5, 6.0])
    monkeypatch.setattr("time.time", lambda: next(times))
    now = wall_clock()
    told = [now() for _ in range(4)]
    monkeypatch.undo()
    assert told == [5.0, 5.0, 5.0, 6.0]


def test_a_sessions_id_is_a_uuid_of_its_moment() -> None:
    id = uuid.UUID(new_session_id(1_700_000_000.123))
    assert str(id) == new_session_id(1_700_000_000.123)[:13] + str(id)[13:]
    assert (id.version, id.variant) == (7, uuid.RFC_4122)
    assert id.int >> 80 == 1_700_000_000_123


def test_ids_made_later_sort_later_and_no_two_are_alike() -> None:
    moments = [0.0, 1.0, 1_700_000_000.0, 1_700_000_000.001, 4_000_000_000.0]
    ids = [new_session_id(at) for at in moments]
    assert ids == sorted(ids)
    assert len({new_session_id(1.0) for _ in range(1000)}) == 1000
