"""Completions: what an argument could be, while it is typed (MCP, server/utilities/completion)."""

import types
from collections.abc import Callable, Iterable
from enum import Enum
from itertools import islice
from typing import Any, Final, Literal, Union, get_args, get_origin

from events.codes import INTERNAL_ERROR, INVALID_PARAMS
from mcp_server.calls import Call, CallRefused, Teller
from mcp_server.features.envelope import Frame
from mcp_server.features.running import Runner
from mcp_server.features.signature import read_signature, without_notes
from mcp_server.features.unusable import Unusable, unusable

_MOST: Final = 100  # the specification's bound on the values of one answer


class Completion:
    """A function that knows what an argument could be: ``(value)`` or ``(value, arguments)``.

    ``value`` is what has been typed, ``arguments`` are the arguments that were settled before.
    """

    def __init__(self, function: Callable[..., Any], frame: Frame) -> None:
        with unusable("completion"):
            signature = read_signature(function)
            self._names = [parameter.name for parameter in signature.parameters]
            if not 1 <= len(self._names) <= 2:
                raise Unusable("it takes what was typed, and the other arguments if it likes")
        self._runner = Runner(function, signature.context, frame.threads)
        self._limit = frame.result_limit

    async def values(self, typed: str, settled: dict[str, str], call: Call, teller: Teller) -> list[str]:
        """Everything that the argument could be, as the function says: 10,000 values at most.

        Raises:
            CallRefused: The function returned something else, or those that are sent have too many bytes.
        """
        found = await self._runner.run(dict(zip(self._names, (typed, settled), strict=False)), call, teller)
        if isinstance(found, str | bytes) or not isinstance(found, Iterable):
            kind = type(found).__name__
            raise CallRefused(INTERNAL_ERROR, f"the completion is to return the values as a list, and returned {kind}")
        values = [str(value) for value in islice(found, _MOST * 100)]
        size = sum(len(value.encode(errors="replace")) for value in values[:_MOST])
        if size > self._limit:
            problem = f"the values of the completion have {size} bytes; at most {self._limit} are sent"
            raise CallRefused(INTERNAL_ERROR, problem)
        return values


def choices(hint: Any) -> list[str]:
    """What a value of this type can be, when there are only so many: of a ``Literal``, an ``Enum`` or a ``bool``."""
    hint = without_notes(hint)
    if hint is bool:
        return ["true", "false"]
    if get_origin(hint) is Literal:
        return [str(choice) for choice in get_args(hint) if choice is not None]
    if get_origin(hint) in (Union, types.UnionType):
        return [choice for part in get_args(hint) for choice in choices(part)]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return [str(member.value) for member in hint]
    return []


def starting_with(typed: str, values: Iterable[str]) -> list[str]:
    """Those of ``values`` that begin with what was typed; case does not matter."""
    return [value for value in values if value.casefold().startswith(typed.casefold())]


def completion(values: list[str]) -> dict[str, Any]:
    """The answer's ``completion`` object."""
    return {"values": values[:_MOST], "total": len(values), "hasMore": len(values) > _MOST}


def read_request(params: dict[str, Any]) -> tuple[str, str, str, str, dict[str, str]]:
    """What is asked: ``ref/prompt`` or ``ref/resource``, its name or URI, the argument, what was typed, and the rest.

    Raises:
        CallRefused: The request is malformed.
    """
    match params:
        case {"ref": {"type": "ref/prompt", "name": str(name)}}:
            kind = "ref/prompt"
        case {"ref": {"type": "ref/resource", "uri": str(name)}}:
            kind = "ref/resource"
        case _:
            raise CallRefused(INVALID_PARAMS, "params.ref must name a prompt (ref/prompt) or a URI (ref/resource)")
    match params:
        case {"argument": {"name": str(argument), "value": str(typed)}}:
            pass
        case _:
            raise CallRefused(INVALID_PARAMS, "params.argument must have a name and a value, both strings")
    match params.get("context"):
        case {"arguments": dict(settled)}:
            settled = {key: value for key, value in settled.items() if isinstance(value, str)}
        case _:
            settled = {}
    return kind, name, argument, typed, settled
