"""Refusals that several features share."""

import difflib
from collections.abc import Iterable
from itertools import islice
from typing import Any, Final

from events.codes import INVALID_PARAMS
from mcp_server.calls import CallRefused
from mcp_server.features.validate import clip

_COMPARED: Final = 500  # comparing takes some 20 µs a name, and anyone can ask for what does not exist


def text_param(params: dict[str, Any], key: str) -> str:
    """The string ``params[key]``.

    Raises:
        CallRefused: It is missing or something else.
    """
    value = params.get(key)
    if type(value) is not str:
        raise CallRefused(INVALID_PARAMS, f"params.{key} must be a string")
    return value


def unknown(kind: str, name: str, known: Iterable[str]) -> CallRefused:
    """There is no such tool or prompt; names like it are in the error's data."""
    name = clip(name, 128)
    near = difflib.get_close_matches(name, list(islice(known, _COMPARED)), n=3)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return CallRefused(INVALID_PARAMS, f"unknown {kind}: {name}{hint}", {"name": name, "near": near})
