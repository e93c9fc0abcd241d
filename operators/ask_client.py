"""Ask the client what a call wants to know, and let the call have the answer."""

from collections.abc import Sequence

from msgspec import Struct

from events.decided import ClientAsked, InputAwaited, InputGiven, QuestionWithdrawn, RequestCancelled
from events.event import Event, Origin, RequestId
from events.observed import (
    CallFailed,
    CallReturned,
    InputBrought,
    InputWanted,
    Interrupted,
    ResponseReceived,
    SessionOpened,
)
from operators.stage import Decision, Stage, stage

TASK = "task"
"""The transport of a session that is one task: its client fetches the questions, and brings the answers."""


class Asked(Struct, frozen=True, gc=False):
    """A question that waits for its answer: whose it is, and what the call knows it by."""

    request: RequestId | None
    key: str


class Questions:
    """A session's questions that wait for an answer, by the id under which the client was asked."""

    def __init__(self) -> None:
        self.is_task = False
        self.asked = 0
        self.waiting: dict[RequestId | None, Asked] = {}


def ask_client() -> Stage:
    """Send each question to the client as a request of our own, with an id that this session has not had.

    Only sessions of the legacy era may be sent requests (MCP 2026-07-28, basic: servers send responses). In a task a
    question is not sent: it waits until the client, who looks at the task, brings the answer (extension tasks,
    ``tasks/update``).
    """
    known: dict[type[Event], Decision[Questions]] = {
        SessionOpened: _opened,
        InputWanted: _wanted,
        ResponseReceived: _answered,
        InputBrought: _brought,
        CallReturned: _ended,
        CallFailed: _ended,
        Interrupted: _ended,
        RequestCancelled: _ended,
    }
    return stage("ask_client", Questions, known)


def _opened(questions: Questions, event: SessionOpened) -> Sequence[Event]:
    questions.is_task = event.transport == TASK
    return (event,)


def _wanted(questions: Questions, event: InputWanted) -> Sequence[Event]:
    origin = event.origin
    if questions.is_task:
        questions.waiting[event.key] = Asked(origin.request, event.key)
        return (event, InputAwaited(origin, event.key))
    questions.asked += 1
    id = f"ask-{questions.asked}"
    questions.waiting[id] = Asked(origin.request, event.key)
    return (event, ClientAsked(origin, id, event.key))


def _answered(questions: Questions, event: ResponseReceived) -> Sequence[Event]:
    asked = None if questions.is_task else questions.waiting.pop(event.origin.request, None)
    return (event, _given(asked, event.origin)) if asked else (event,)


def _brought(questions: Questions, event: InputBrought) -> Sequence[Event]:
    asked = questions.waiting.pop(event.key, None) if questions.is_task else None
    return (event, _given(asked, event.origin)) if asked else (event,)


def _given(asked: Asked, origin: Origin) -> InputGiven:
    return InputGiven(Origin(origin.session, asked.request, origin.at), asked.key)


def _ended(questions: Questions, event: Event) -> Sequence[Event]:
    """The call is over: nobody waits for the answers to what it asked."""
    if not questions.waiting:
        return (event,)
    origin = event.origin
    left = [id for id, asked in questions.waiting.items() if asked.request == origin.request]
    for id in left:
        del questions.waiting[id]
    return (event,) if questions.is_task else (*(QuestionWithdrawn(origin, str(id)) for id in left), event)
