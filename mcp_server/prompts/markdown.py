"""A template from a Markdown file: YAML front matter between two lines ``---``, then the text of the prompt."""

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from typing import Any, Final

import yaml
from yaml import MappingNode, Node, ScalarNode, SequenceNode

from mcp_server.features.validate import clip
from mcp_server.prompts.template import PromptArgument, PromptTemplate, UnusableTemplate

FRONT_LIMIT: Final = 16 * 1024  # characters; nested as deeply as that allows, they cost the parser about a second

_TEMPLATE: Final = ("name", "title", "description", "category", "tags", "arguments")
_ARGUMENT: Final = ("name", "description", "required", "default", "suggestions")
_STRING: Final = "tag:yaml.org,2002:str"
_NULL: Final = "tag:yaml.org,2002:null"
_BOOLEAN: Final = "tag:yaml.org,2002:bool"

_Fields = dict[str, Node]


class BadFile(ValueError):
    """A file that holds no usable template.

    Attributes:
        line: Where the trouble is, from 1.
    """

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line


def parse_template(data: bytes, name: str) -> PromptTemplate:
    """The template in a file's bytes; ``name`` is what it is called unless its front matter says otherwise.

    The front matter is read as YAML's nodes, of which nothing is constructed: it can hold text, lists and true or
    false, each where it is expected.

    Raises:
        BadFile: It holds none; says what is wrong on which line.
    """
    lines = _decode(data).splitlines(keepends=True)
    if not lines or lines[0].rstrip() != "---":
        raise BadFile(1, "front matter is missing: the first line must be ---")
    front = list(takewhile(lambda line: line.rstrip() != "---", lines[1:]))
    if len(front) + 1 == len(lines):
        raise BadFile(1, "front matter has no end: a line --- must follow it")
    body = lines[len(front) + 2 :]
    blank = sum(1 for _ in takewhile(lambda line: not line.strip(), body))
    return _template(_compose("".join(front)), "".join(body[blank:]).rstrip(), len(front) + 3 + blank, name)


def _decode(data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadFile(data.count(b"\n", 0, error.start) + 1, "it is not UTF-8") from error
    return text.replace("\r\n", "\n")


def _compose(front: str) -> Node | None:
    if len(front) > FRONT_LIMIT:
        raise BadFile(2, f"front matter has {len(front)} characters; at most {FRONT_LIMIT} are possible")
    try:
        node: Node | None = yaml.compose(front, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise BadFile(mark.line + 2 if mark else 2, f"front matter is no YAML: {clip(error.problem or '')}") from error
    except yaml.reader.ReaderError as error:
        line = front.count("\n", 0, error.position) + 2
        raise BadFile(line, f"front matter is no YAML: {error.reason}") from error
    except RecursionError as error:
        raise BadFile(2, "front matter is nested too deeply") from error
    return node


def _template(root: Node | None, prompt: str, first: int, name: str) -> PromptTemplate:
    """The template; ``first`` is the line on which ``prompt`` begins."""
    fields = {} if root is None else _fields(root, _TEMPLATE, "front matter")
    if not prompt:
        raise BadFile(first - 1, "there is no prompt below the front matter")
    items = _items(fields, "arguments")
    arguments = [_argument(item) for item in items]
    with _placed(fields, 1, first):
        return PromptTemplate(
            _text(fields, "name", name),
            _text(fields, "description"),
            prompt,
            arguments,
            _text(fields, "category", "general"),
            _texts(fields, "tags"),
            _text(fields, "title"),
        )


def _argument(node: Node) -> PromptArgument:
    fields = _fields(node, _ARGUMENT, "an argument")
    if "name" not in fields:
        raise BadFile(_line(node), "an argument has no name")
    with _placed(fields, _line(node)):
        return PromptArgument(
            _text(fields, "name"),
            _text(fields, "description"),
            _flag(fields, "required", True),
            _text(fields, "default"),
            _texts(fields, "suggestions"),
        )


@contextmanager
def _placed(fields: _Fields, line: int, first: int = 0) -> Iterator[None]:
    """Say on which line a field is wrong; ``line`` is for one that is not there."""
    try:
        yield
    except UnusableTemplate as error:
        node = fields.get(error.field)
        if error.field == "prompt":
            line = first + error.index
        elif isinstance(node, SequenceNode) and error.index < len(node.value):
            line = _line(node.value[error.index])
        elif node is not None:
            line = _line(node)
        raise BadFile(line, str(error)) from error


def _fields(node: Node, known: tuple[str, ...], what: str) -> _Fields:
    if not isinstance(node, MappingNode):
        raise BadFile(_line(node), f"{what} must be fields such as {known[0]}: ...")
    fields: _Fields = {}
    for key, value in node.value:
        name = str(key.value) if isinstance(key, ScalarNode) else "?"
        if name not in known:
            near = difflib.get_close_matches(clip(name, 64), known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise BadFile(_line(key), f"{what} has no field {clip(name, 64)}; {hint}")
        if name in fields:
            raise BadFile(_line(key), f"{name} is given twice")
        fields[name] = value
    return fields


def _text(fields: _Fields, field: str, default: str = "") -> str:
    return _scalar(fields[field], field) if field in fields else default


def _texts(fields: _Fields, field: str) -> list[str]:
    return [_scalar(item, field) for item in _items(fields, field)]


def _items(fields: _Fields, field: str) -> list[Node]:
    node = fields.get(field)
    if node is None or node.tag == _NULL:
        return []
    if not isinstance(node, SequenceNode):
        raise BadFile(_line(node), f"{field} must be a list")
    items: list[Node] = node.value
    return items


def _scalar(node: Node, field: str) -> str:
    if not isinstance(node, ScalarNode):
        raise BadFile(_line(node), f"{field} must be text")
    if node.tag not in (_STRING, _NULL):
        raise BadFile(_line(node), f"{field} must be text, and YAML takes {clip(node.value, 40)} for none: quote it")
    return "" if node.tag == _NULL else str(node.value)


def _flag(fields: _Fields, field: str, default: bool) -> bool:
    node: Any = fields.get(field)
    if node is None:
        return default
    if node.tag != _BOOLEAN:
        raise BadFile(_line(node), f"{field} must be true or false")
    return str(node.value).lower() in ("true", "yes", "on")


def _line(node: Node) -> int:
    """The line in the file: the node's is from 0, and the opening ``---`` stands before it."""
    return int(node.start_mark.line) + 2
