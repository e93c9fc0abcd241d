"""Checking values against a JSON Schema, and saying what is wrong in few words."""

from collections.abc import Callable
from typing import Any, Final

import jsonschema_rs
from jsonschema_rs import ValidationError, ValidationErrorKind

_SHOWN: Final = 5
_CLIP: Final = 200
_EXPLAINED: Final = 1000  # values; finding every error takes some 8 µs for each, and all of them may be wrong


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
        except ValidationError as error:
            hint = "; patterns have no lookaround and no backreferences" if '"regex"' in error.message else ""
            raise BadSchema(f"{path('schema', error.instance_path)}: {clip(error.message)}{hint}") from error
        except (ValueError, TypeError) as error:
            raise BadSchema(clip(str(error))) from error
        self.is_valid: Callable[[Any], bool] = self._validator.is_valid

    def explain(self, value: Any, root: str) -> str:
        """The first few things that are wrong with ``value``, one a line; ``root`` is what it is called.

        Of a large value only the first.
        """
        small = _count(value, _EXPLAINED) < _EXPLAINED
        errors = list(self._validator.iter_errors(value)) if small else self._first(value)
        lines = [_told(error, root) for error in errors[:_SHOWN]]
        if len(errors) > _SHOWN:
            lines.append(f"and {len(errors) - _SHOWN} more")
        return "\n".join(lines)

    def _first(self, value: Any) -> list[ValidationError]:
        try:
            self._validator.validate(value)
        except ValidationError as error:
            return [error]
        return []


def path(root: str, steps: list[str | int]) -> str:
    """Where a value stands: ``arguments.rows[3].name``."""
    return root + "".join(f"[{step}]" if isinstance(step, int) else f".{clip(step, 64)}" for step in steps)


def clip(text: str, length: int = _CLIP) -> str:
    """At most about ``length`` characters of ``text``, its middle left out: the end says what was expected."""
    if len(text) <= length:
        return text
    tail = length * 2 // 3
    return f"{text[: length - tail]}[...]{text[-tail:]}"


def _told(error: ValidationError, root: str) -> str:
    error, expected = _nearest(error)
    said = clip(error.message)
    if len(expected) > 1:
        value = said.removesuffix(f' is not of type "{expected[-1]}"')
        said = f"{value} is not of type {' or '.join(map(_quoted, expected))}"
    return f"{path(root, error.instance_path)}: {said}"


def _nearest(error: ValidationError) -> tuple[ValidationError, list[str]]:
    """Of a choice that nothing fits: what is wrong in the branch that came nearest, or all types that were possible."""
    kind = error.kind
    if not isinstance(kind, ValidationErrorKind.AnyOf | ValidationErrorKind.OneOfNotValid):
        return error, []
    branches = [branch[0] for branch in kind.context if branch]
    deeper = [branch for branch in branches if len(branch.instance_path) > len(error.instance_path)]
    if deeper:
        return _nearest(deeper[0])
    misfits = [branch for branch in branches if not isinstance(branch.kind, ValidationErrorKind.Type)]
    if branches and not misfits:
        return branches[-1], [name for branch in branches for name in _types(branch.kind)]
    return _nearest(misfits[0]) if len(misfits) == 1 else (error, [])


def _types(kind: object) -> list[str]:
    return list(kind.types) if isinstance(kind, ValidationErrorKind.Type) else []


def _quoted(name: str) -> str:
    return f'"{name}"'


def _count(value: Any, limit: int) -> int:
    """How many values ``value`` is made of, counted up to ``limit``."""
    waiting, count = [value], 0
    while waiting and count < limit:
        item = waiting.pop()
        count += 1
        if isinstance(item, dict):
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
    return count


def _refuse_to_fetch(uri: str) -> Any:
    raise ValueError(f"a schema is complete in itself; {uri} is not fetched")
