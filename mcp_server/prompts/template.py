"""A prompt template and its arguments: frozen values that are checked when they are made."""

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import force_setattr

from mcp_server.features.unusable import Unusable
from mcp_server.features.validate import clip
from mcp_server.prompts.text import NAME, BadText, Text

PROMPT_LIMIT: Final = 64 * 1024  # characters
DESCRIPTION_LIMIT: Final = 2_000  # characters
WORD_LIMIT: Final = 100  # characters of a title, a category, a tag, an argument's name
ARGUMENTS_LIMIT: Final = 32
TAGS_LIMIT: Final = 16
SUGGESTIONS_LIMIT: Final = 100  # the most that one answer to completion/complete may hold

_PROMPT_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}")  # what MCP advises for tools; it fits into an HTTP header


class UnusableTemplate(Unusable):
    """A template, or one of its arguments, that cannot be offered; the text says what to change.

    Attributes:
        field: The field that is wrong.
        index: Which of its items, or which line of the prompt, from 0.
    """

    def __init__(self, problem: str, field: str, index: int = 0) -> None:
        super().__init__(problem)
        self.field = field
        self.index = index


class PromptArgument(Struct, frozen=True, gc=False):
    """One value that a prompt is filled in with.

    Attributes:
        name: What stands between the braces: a letter or ``_``, then letters, digits, ``_`` and ``-``.
        description: What to put there, for whoever fills it in.
        required: Whether it must be given.
        default: What stands there when it is not given; only for one that is not required.
        suggestions: What it could be, for ``completion/complete``; any other text is as good.

    Raises:
        UnusableTemplate: One of them is wrong.
    """

    name: str
    description: str = ""
    required: bool = True
    default: str = ""
    suggestions: Sequence[str] = ()

    def __post_init__(self) -> None:
        _check_text(self.name, "name", WORD_LIMIT)
        if not NAME.fullmatch(self.name):
            problem = f"{self.name!r} cannot be an argument's name: a letter or _, then letters, digits, _ and -"
            raise UnusableTemplate(problem, "name")
        _check_text(self.description, "description", DESCRIPTION_LIMIT)
        if type(self.required) is not bool:
            raise UnusableTemplate("required must be true or false", "required")
        _check_text(self.default, "default", PROMPT_LIMIT)
        if self.required and self.default:
            raise UnusableTemplate(f"{self.name} has a default, so it cannot be required", "default")
        force_setattr(self, "suggestions", _texts(self.suggestions, "suggestions", SUGGESTIONS_LIMIT))


class PromptTemplate(Struct, frozen=True, dict=True):
    """A prompt with gaps, and what clients are told about it.

    Attributes:
        name: What clients call it: 1 to 128 letters, digits, ``_``, ``.`` and ``-``.
        description: What it is for; at most 2,000 characters.
        prompt: The text, with ``{name}`` for an argument and ``{{`` and ``}}`` for braces; at most 65,536 characters.
        arguments: What the text is filled in with; every one must stand in the text; at most 32.
        category: The kind of prompt, to list by.
        tags: Words to list and search by; at most 16.
        title: What people call it.

    Raises:
        UnusableTemplate: One of them is wrong, a placeholder is not among the arguments, or the other way round.
    """

    name: str
    description: str
    prompt: str
    arguments: Sequence[PromptArgument] = ()
    category: str = "general"
    tags: Sequence[str] = ()
    title: str = ""

    def __post_init__(self) -> None:
        _check_text(self.name, "name", 128)
        if not _PROMPT_NAME.fullmatch(self.name):
            raise UnusableTemplate("name must be 1 to 128 letters (A to Z), digits, _, . and -", "name")
        _check_text(self.description, "description", DESCRIPTION_LIMIT)
        _check_text(self.prompt, "prompt", PROMPT_LIMIT)
        _check_word(self.category, "category")
        if self.title:
            _check_word(self.title, "title")
        tags = _texts(self.tags, "tags", TAGS_LIMIT)
        for index, tag in enumerate(tags):
            _check_word(tag, "tags", index)
        force_setattr(self, "tags", tuple(dict.fromkeys(tags)))
        force_setattr(self, "arguments", _arguments(self.arguments))
        self._check_placeholders()

    @cached_property
    def text(self) -> Text:
        """The prompt, taken apart."""
        return Text(self.prompt)

    @cached_property
    def defaults(self) -> dict[str, str]:
        """What stands for each argument that need not be given."""
        return {argument.name: argument.default for argument in self.arguments if not argument.required}

    @cached_property
    def argument_names(self) -> frozenset[str]:
        """The names of all arguments."""
        return frozenset(argument.name for argument in self.arguments)

    def listing(self, version: int) -> dict[str, Any]:
        """The prompt as ``prompts/list`` shows it (MCP, server/prompts); ``version`` goes into its ``_meta``."""
        arguments = [
            {"name": argument.name, "required": argument.required}
            | ({"description": argument.description} if argument.description else {})
            for argument in self.arguments
        ]
        told = {"title": self.title, "description": self.description, "arguments": arguments}
        meta = {"category": self.category, "tags": list(self.tags), "version": version}
        return {"name": self.name} | {key: value for key, value in told.items() if value} | {"_meta": meta}

    def _check_placeholders(self) -> None:
        try:
            used = self.text.names
        except BadText as error:
            raise UnusableTemplate(str(error), "prompt", error.line) from error
        for name, line in used.items():
            if name not in self.argument_names:
                raise UnusableTemplate(f"{{{clip(name, 64)}}} stands for no argument that is declared", "prompt", line)
        for index, argument in enumerate(self.arguments):
            if argument.name not in used:
                problem = f"the argument {argument.name} is never used: put {{{argument.name}}} into the prompt"
                raise UnusableTemplate(problem, "arguments", index)


def _arguments(given: Any) -> tuple[PromptArgument, ...]:
    arguments: tuple[Any, ...] = _items(given, "arguments", ARGUMENTS_LIMIT)
    seen = set()
    for index, argument in enumerate(arguments):
        if not isinstance(argument, PromptArgument):
            problem = f"arguments must be PromptArguments, not {type(argument).__name__}"
            raise UnusableTemplate(problem, "arguments", index)
        if argument.name in seen:
            raise UnusableTemplate(f"there are two arguments {argument.name}", "arguments", index)
        seen.add(argument.name)
    return arguments


def _texts(given: Any, field: str, most: int) -> tuple[str, ...]:
    texts = _items(given, field, most)
    for index, text in enumerate(texts):
        _check_text(text, field, WORD_LIMIT, index)
    return texts


def _items(given: Any, field: str, most: int) -> tuple[Any, ...]:
    if isinstance(given, str | bytes) or not isinstance(given, Sequence):
        raise UnusableTemplate(f"{field} must be a list", field)
    if len(given) > most:
        raise UnusableTemplate(f"{field} has {len(given)} items; at most {most} are possible", field, most)
    return tuple(given)


def _check_word(value: str, field: str, index: int = 0) -> None:
    _check_text(value, field, WORD_LIMIT, index)
    if not value.strip() or not value.isprintable():
        raise UnusableTemplate(f"{field} must be text on one line", field, index)


def _check_text(value: Any, field: str, most: int, index: int = 0) -> None:
    if not isinstance(value, str):
        raise UnusableTemplate(f"{field} must be text, not {type(value).__name__}", field, index)
    if len(value) > most:
        raise UnusableTemplate(f"{field} has {len(value)} characters; at most {most} are possible", field, index)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise UnusableTemplate(f"{field} holds text that is not valid Unicode", field, index) from None
