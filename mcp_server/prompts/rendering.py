"""Filling a template in, and saying everything that is wrong with the arguments at once."""

import difflib
from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

from events.codes import INVALID_PARAMS
from mcp_server.calls import CallRefused
from mcp_server.features.validate import clip
from mcp_server.prompts.template import PromptTemplate

RENDERED_LIMIT: Final = 4 * 1024 * 1024  # characters; a short template can repeat a long value many times

_UNKNOWN_SHOWN: Final = 10  # anyone can send any number of them


def render(template: PromptTemplate, given: Mapping[str, str]) -> str:
    """The text of ``template`` with the arguments in it, each exactly as it was given.

    Raises:
        CallRefused: Arguments are missing, unknown or no strings, all named; or the text would be too long.
    """
    values = {**template.defaults, **given} if isinstance(given, Mapping) else {}
    if values.keys() != template.argument_names or not all(isinstance(value, str) for value in values.values()):
        raise _refused(template, given)
    size = template.text.size(values)
    if size > RENDERED_LIMIT:
        problem = f"prompt {template.name}: it would have {size} characters; at most {RENDERED_LIMIT} are possible"
        raise CallRefused(INVALID_PARAMS, problem, {"name": template.name})
    return template.text.fill(values)


def _refused(template: PromptTemplate, given: Any) -> CallRefused:
    if not isinstance(given, Mapping):
        return CallRefused(INVALID_PARAMS, "params.arguments must be an object of strings")
    missing = [item.name for item in template.arguments if item.required and item.name not in given]
    wrong = [name for name in given if name in template.argument_names and not isinstance(given[name], str)]
    stray = [name for name in given if name not in template.argument_names]
    shown = [clip(str(name), 64) for name in islice(stray, _UNKNOWN_SHOWN)]
    problems = [
        *(f"{name} is missing" for name in missing),
        *(f"{name} must be a string" for name in wrong),
        *(f"{name} is no argument of this prompt{_hint(name, template, given)}" for name in shown),
        *([f"and {len(stray) - len(shown)} more are none"] if len(stray) > len(shown) else []),
    ]
    data = {"name": template.name, "missing": missing, "wrongType": wrong, "unknown": shown}
    return CallRefused(INVALID_PARAMS, f"prompt {template.name}: {'; '.join(problems)}", data)


def _hint(name: str, template: PromptTemplate, given: Mapping[str, str]) -> str:
    """What was probably meant: an argument with a name like it that was not given."""
    free = [argument.name for argument in template.arguments if argument.name not in given]
    near = difflib.get_close_matches(name, free, n=1)
    return f" (did you mean {near[0]}?)" if near else ""
