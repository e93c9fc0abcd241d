from typing import Any

import pytest

from events.decided import ClientAsked, InputAwaited, InputGiven, QuestionWithdrawn, RequestCancelled
from events.event import Event, Observed
from events.jsonrpc import decode
from events.observed import InputBrought, InputWanted
from operators.ask_client import ask_client
from tests.facts import OTHER, SESSION, failed, opened, origin, returned
from tests.passing import through


def wanted(request: Any, key: str, session: str = SESSION) -> InputWanted:
    return InputWanted(origin(request, session=session), key, "elicitation/create", b'{"message":"?"}')


def answer(id: str, session: str = SESSION) -> Observed:
    raw = b'{"jsonrpc":"2.0","id":"%b","result":{"action":"accept"}}' % id.encode()
    return decode(raw, session, 0.0)


def brought(key: str) -> InputBrought:
    return InputBrought(origin(1), key, b"{}")


def decided(*events: Event) -> list[Event]:
    return [each for each in through(ask_client(), *events) if each not in events]


def test_each_question_is_a_request_with_an_id_of_its_own_and_its_answer_finds_the_call() -> None:
    out = decided(wanted(7, "name"), wanted("7", "name"), answer("ask-2"), answer("ask-1"))
    assert out == [
        ClientAsked(origin(7), "ask-1", "name"),
        ClientAsked(origin("7"), "ask-2", "name"),
        InputGiven(origin("7"), "name"),
        InputGiven(origin(7), "name"),
    ]


def test_an_answer_counts_once_and_only_in_its_session() -> None:
    out = decided(opened(), wanted(1, "a"), answer("ask-1", OTHER), answer("ask-1"), answer("ask-1"), answer("ask-9"))
    assert [type(each) for each in out] == [ClientAsked, InputGiven]


@pytest.mark.parametrize("end", [returned(1), failed(1), RequestCancelled(origin(1), "the client cancelled it")])
def test_what_nobody_waits_for_any_more_is_withdrawn(end: Event) -> None:
    out = decided(wanted(1, "a"), wanted(2, "a"), wanted(1, "b"), end, answer("ask-1"), answer("ask-2"))
    assert out[3:] == [
        QuestionWithdrawn(origin(1), "ask-1"),
        QuestionWithdrawn(origin(1), "ask-3"),
        InputGiven(origin(2), "a"),
    ]


def test_a_task_has_its_questions_fetched_and_the_answers_brought() -> None:
    task = opened(transport="task")
    out = decided(task, wanted(1, "a"), wanted(1, "b"), answer("ask-1"), brought("b"), brought("b"), brought("x"))
    assert out == [InputAwaited(origin(1), "a"), InputAwaited(origin(1), "b"), InputGiven(origin(1), "b")]
    assert decided(task, wanted(1, "a"), returned(1), brought("a")) == [InputAwaited(origin(1), "a")]


def test_answers_are_brought_to_tasks_only() -> None:
    assert decided(wanted(1, "ask-1"), brought("ask-1")) == [ClientAsked(origin(1), "ask-1", "ask-1")]
