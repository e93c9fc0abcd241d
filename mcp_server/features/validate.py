"""Checking values against a JSON Schema, and saying what is wrong in few words."""

from itertools import islice
from typing import Any, Final

import jsonschema_rs

_SHOWN: Final = 5
_CLIP: Final = 200


class BadSchema(ValueError):
    """A JSON Schema that cannot be used; the text says why."""


class Validator:
    """A schema compiled once.

    Patterns run on an engine whose time is linear in the text, so no argument can make one run away, and references
    to other documents are never fetched.
    """

    __slots__ = ("_validator", "is_valid")

    def __init__(self, schema: dict[str, Any]) -> None:
        """Compile ``schema``; its ``$schema`` names the draft, and 2020-12 is meant when it has none.

        Raises:
            BadSchema: It is no schema, or needs what the linear engine does not have.
        """
        try:
            self._validator = jsonschema_rs.validator_for(
                schema, pattern_options=jsonschema_rs.RegexOptions(), retriever=_refuse_to_fetch
            )
        except (ValueError, TypeError) as error:
            raise BadSchema(str(error)) from error
        self.is_valid = self._validator.is_valid

    def explain(self, value: Any, root: str) -> str:
        """The first few things that are wrong with ``value``, one a line; empty when nothing is."""
        found = list(islice(self._validator.iter_errors(value), _SHOWN + 1))
        lines = [f"{path(root, error.instance_path)}: {clip(error.message)}" for error in found[:_SHOWN]]
        if len(found) > _SHOWN:
            lines.append("and more")
        return "\n".join(lines)


def path(root: str, steps: list[str | int]) -> str:
    """Where a value stands: ``arguments.rows[3].name``."""
    parts = [f"[{step}]" if isinstance(step, int) else f".{clip(step, 64)}" for step in steps]
    return root + "".join(parts)


def clip(text: str, length: int = _CLIP) -> str:
    """At most ``length`` characters of ``text``, its middle left out: a message's end says what was expected."""
    if len(text) <= length:
        return text
    tail = length * 2 // 3
    return f"{text[: length - tail]}[...]{text[-tail:]}"


def _refuse_to_fetch(uri: str) -> Any:
    raise ValueError(f"a schema is complete in itself; {uri} is not fetched")
