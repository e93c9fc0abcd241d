"""What is wrong with a setting, said for people."""

import difflib
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, SecretStr, ValidationError

from mcp_server.config.names import ALIASES

_PLAINLY: Final = {
    "Value error, ": "",
    "Input should be": "must be",
    "String should": "must",
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
    "greater than": "more than",
}
_LONGEST: Final = 60


def names(model: type[BaseModel]) -> list[str]:
    """All settings; one that has members is named by each of them, as ``database.pool_size``."""
    found = []
    for name, field in model.model_fields.items():
        kind: Any = field.annotation
        members = names(kind) if isinstance(kind, type) and issubclass(kind, BaseModel) else []
        found += [f"{name}.{member}" for member in members] or [name]
    return found


def is_secret(model: type[BaseModel], setting: str) -> bool:
    """Whether nobody is to see the value of a setting."""
    field = model.model_fields.get(setting)
    return field is not None and field.annotation == SecretStr | None


def unknown(name: str, model: type[BaseModel]) -> str:
    """What to say of a name that no setting has."""
    near = difflib.get_close_matches(name, {*names(model), *model.model_fields, *ALIASES}, n=1, cutoff=0.6)
    return f"there is no setting {name!r}" + (f": did you mean {near[0]!r}?" if near else "")


def problems(error: ValidationError, model: type[BaseModel], written: Mapping[str, str]) -> str:
    """All that is wrong, on one line; no secret is repeated.

    Args:
        error: What pydantic found.
        model: The settings that it looked at.
        written: By setting, the name under which it was given.
    """
    return "; ".join(_problem(found, model, written) for found in error.errors(include_url=False))


def _problem(found: Any, model: type[BaseModel], written: Mapping[str, str]) -> str:
    path = [str(part) for part in found["loc"]]
    name = written.get(".".join(path)) or ".".join((written.get(path[0], path[0]), *path[1:]))
    if found["type"] == "extra_forbidden":
        return unknown(name, model)
    text = found["msg"].partition(", unable")[0]
    for wordy, plain in _PLAINLY.items():
        text = text.replace(wordy, plain)
    if not text.startswith("must "):
        return f"{name}: {text}"
    return f"{name} {text}" if is_secret(model, path[0]) else f"{name} {text}, not {_shown(found['input'])}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
