"""Requests of several rounds: what is asked, what was answered, and the state between them.

Source: MCP 2026-07-28, multi round-trip requests. The server sends no requests of its own there: a call that wants to
know something ends with its questions, and is begun anew when the client sends its request again with the answers. So
that a function finds the same answers in the same places, those of earlier rounds travel in the state, which is sealed:
the client brings it back, and can neither read nor change it, nor use it for another request, or for another caller's.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from adapters.seal import Broken
from events.codes import INVALID_PARAMS
from events.message import canonical
from mcp_server.calls import Answer, Call, CallRefused
from mcp_server.features.asking import Question
from mcp_server.features.envelope import Envelope

STATE: Final = "requestState"
ANSWERS: Final = "inputResponses"

LIFETIME: Final = 900.0
"""Seconds in which the client has to come back."""


class InputNeeded(BaseException):
    """A function cannot go on before the client has answered. No ``Exception``: it is not the function's to handle.

    Attributes:
        questions: What is to be answered, by key.
        answers: What was answered so far, by key.
    """

    def __init__(self, questions: Mapping[str, Question], answers: dict[str, Any]) -> None:
        super().__init__(f"the client is to answer {', '.join(questions)}")
        self.questions = questions
        self.answers = answers


class _State(Struct, frozen=True, array_like=True):
    """What a sealed state holds: which request it goes on with, until when, and what was answered."""

    method: str
    digest: bytes
    until: float
    answers: dict[str, Any]


def answers_to(call: Call) -> dict[str, Any]:
    """What the client has answered, in this round and in those before it, by key.

    Raises:
        CallRefused: The state is not one of ours for this request of this caller, or its time is over; or the answers
            are no objects.
    """
    brought = call.params.get(ANSWERS, {})
    if not isinstance(brought, dict):
        raise CallRefused(INVALID_PARAMS, f"params.{ANSWERS} must be an object")
    for key, answer in brought.items():
        if not isinstance(answer, dict):
            raise CallRefused(INVALID_PARAMS, f"params.{ANSWERS}.{key[:64]} must be an object")
    return {**_before(call), **brought}


def input_required(call: Call, needed: InputNeeded, envelope: Envelope) -> Answer:
    """The result that has the client answer and ask again."""
    questions = {
        key: {"method": question.method, "params": question.params(call.version, key)}
        for key, question in needed.questions.items()
    }
    state = _State(call.method, _digest(call), call.at + LIFETIME, needed.answers)
    sealed = call.lent.states.close(msgspec.msgpack.encode(state), call.principal)
    members = {"inputRequests": questions, STATE: sealed}
    return Answer(envelope.wrap(members, call.version, "input_required"), partial="input_required")


def _before(call: Call) -> dict[str, Any]:
    text = call.params.get(STATE)
    if text is None:
        return {}
    try:
        sealed = call.lent.states.open(text, call.principal) if isinstance(text, str) else b""
        state = msgspec.msgpack.decode(sealed, type=_State)
    except (Broken, msgspec.MsgspecError):
        raise CallRefused(INVALID_PARAMS, f"params.{STATE} is none of this server's for you; start anew") from None
    if (state.method, state.digest) != (call.method, _digest(call)):
        raise CallRefused(INVALID_PARAMS, f"params.{STATE} belongs to another request; start anew without it")
    if state.until < call.at:
        raise CallRefused(INVALID_PARAMS, f"params.{STATE} is older than {LIFETIME:g} s; start anew without it")
    return state.answers


def _digest(call: Call) -> bytes:
    """What makes it the same request: its parameters without what changes from round to round."""
    params = {key: value for key, value in call.params.items() if key not in (STATE, ANSWERS, "_meta")}
    return hashlib.sha256(canonical(params)).digest()
