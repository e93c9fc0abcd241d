"""Logs of released versions: this version reads them, and replays them to the same decisions."""

from pathlib import Path

import pytest

from events.observed import SessionOpened
from events.record import unpack
from mcp_server import __version__
from operators.policy import load
from pipeline.log import Record
from replay.replay import verify
from tests.facts import OTHER, SESSION
from tests.golden.make import FOLDER, THIRD, example, lines
from tests.histories import EVENTS

WHOLE = (SESSION, OTHER, THIRD)
"""The sessions of a golden log that are whole ones."""

LOGS = sorted(FOLDER.glob("*.records"))


def records(log: Path) -> list[Record]:
    split = [line.split() for line in log.read_text().splitlines()]
    return [
        Record(position, session, int(version), bytes.fromhex(state))
        for position, (session, version, state) in enumerate(split, 1)
    ]


def test_this_version_has_its_golden_log() -> None:
    assert f"{__version__}.records" in [log.name for log in LOGS]


def test_this_version_still_writes_what_its_golden_log_holds() -> None:
    """Once this version is released, a change here is a new class of event, or a new field with a default."""
    expected = (FOLDER / f"{__version__}.records").read_text().splitlines(keepends=True)
    for written, golden in zip(lines(), expected, strict=True):
        assert written == golden


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.stem)
def test_a_released_log_is_replayed_to_the_same_decisions(log: Path) -> None:
    (verdict,) = verify(record for record in records(log) if record.session == SESSION)
    assert verdict.holds, verdict
    assert verdict.closed
    assert verdict.events > 60


def test_a_session_of_before_there_were_rules_of_access_is_replayed_to_the_same_decisions() -> None:
    """Its rows have no scopes and no groups, and its policy has no rules."""
    found = records(FOLDER / "0.1.0-before-access.session")
    opened = unpack(found[0].state, SESSION)[0].fact
    assert isinstance(opened, SessionOpened)
    assert (opened.scopes, opened.groups, load(opened.policy).access) == ((), (), ())
    (verdict,) = verify(found)
    assert verdict.holds, verdict
    assert verdict.events > 60


def test_the_session_of_the_golden_log_meets_every_decision_but_a_bug() -> None:
    log = records(FOLDER / f"{__version__}.records")
    own = [record for record in log if record.session in WHOLE]
    steps = [step for record in own for step in unpack(record.state, record.session)]
    met = {type(event) for step in steps for event in (step.fact, *step.decisions)}
    assert {kind.__name__ for kind in set(EVENTS) - met} == {"StageFailed"}


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.stem)
def test_every_event_of_a_released_log_is_read_as_what_it_was(log: Path) -> None:
    kinds = {kind.__name__: kind for kind in EVENTS}
    found = {record.session: record for record in records(log) if record.session not in WHOLE}
    for name, record in found.items():
        assert unpack(record.state, name) == [example(kinds[name])]
    if log.stem == __version__:
        assert found.keys() == kinds.keys()
