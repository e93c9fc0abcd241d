"""What could stand at a point of a program: bodies, blocks, whole functions and classes, each with how well it fits."""

import re
import textwrap
from collections.abc import Iterable, Iterator
from typing import Final

from mcp_server.protocol.advanced.template.candidates import Candidate
from mcp_server.protocol.advanced.template.corpus import Entry
from mcp_server.protocol.advanced.template.methods import body_of_method
from mcp_server.protocol.advanced.template.point import UNIT, Head, Point
from mcp_server.protocol.advanced.template.ranking import c_kind, fitting, ranked
from mcp_server.protocol.advanced.template.scan import indent_of
from mcp_server.protocol.advanced.template.words import named, replaced, words_in

_DOC_SHARE: Final = 0.6
_IS_MAIN: Final = re.compile(r"^if __name__ == .__main__.:\s*\Z", re.MULTILINE)
_EXTENDS: Final = re.compile(r"\bextends\s+[\w.]+\s*\{\s*\Z")
_CONSTRUCTOR: Final = re.compile(r"^constructor\([^{}]*\) \{", re.MULTILINE)
_SWITCH: Final = re.compile(r"\bswitch\s*\([^{}]*\{\s*\Z")

_ALONE: Final = {"python": "pass", "javascript": "return;", "c": "return;"}
_RETURN: Final = {"python": "return {}", "javascript": "return {};", "c": "return {};"}
_SHOW: Final = {"python": "print({})", "javascript": "console.log({});", "c": 'printf("%d\\n", {});'}
_NAME: Final = re.compile(r"(?<![\w.\"'])[A-Za-z_]\w*(?![\w\"'(])")
_ASSIGNED: Final = re.compile(r"([A-Za-z_]\w*)\s*(?:\[[^\]]*\]\s*)?(?:[+*/-]?=(?!=)|\+\+)")
_RESERVED: Final = frozenset(
    re.findall(
        r"\w+",
        """if elif else for while with try except finally return in not and or is as def class None True False self
        import from pass raise lambda yield async await const let var function new null undefined true false
        this of switch case int char void double float long short unsigned struct static size_t do break
        continue NULL throw catch""",
    )
)


def bodies(language: str, point: Point, head: Head, about: str, before: str) -> Iterator[Candidate]:
    """Bodies of a function; ``about`` is what the prompt says before its head, ``before`` all of it."""
    if own := body_of_method(language, head, before):
        yield Candidate(_placed(own, point.indent), 1.0)
        return
    if language == "javascript" and [param.name for param in head.params[:2]] in (["req", "res"], ["_req", "res"]):
        yield Candidate('res.send("Hello, World!");', 1.0)
        return
    chosen = list(fitting(language, head, words_in(about)))
    for entry, weight in chosen:
        body = _renamed(entry, head)
        # A sentence about a name of one letter reads badly.
        if entry.doc and not point.is_documented and all(len(new) > 1 for _, new in _pairs(entry, head)):
            doc = replaced(entry.doc, _pairs(entry, head))
            yield Candidate(_placed(f'"""{doc}"""\n{body}', point.indent), weight * _DOC_SHARE)
        yield Candidate(_placed(body, point.indent), weight)
    if not chosen:
        yield Candidate(_placed(_plain(language, head), point.indent), 1.0)


def expressions(language: str, head: Head) -> Iterator[Candidate]:
    """Values of a function that is nothing but a value."""
    found = False
    for entry, weight in fitting(language, head, frozenset()):
        body = _renamed(entry, head)
        if match := re.fullmatch(r"return ([^;{}]*);", body.strip()):
            found = True
            yield Candidate(match[1], weight)
    if not found:
        names = [param.name for param in head.params]
        value = names[0] if len(names) == 1 else f"[{', '.join(names)}]" if names else "null"
        yield Candidate(value, 1.0)


def classes(language: str, point: Point, about: str, before: str) -> Iterator[Candidate]:
    """Bodies of a class; ``about`` and ``before`` are those of :func:`bodies`."""
    name = point.head.name if point.head else ""
    for entry, weight in ranked(
        language, words_in(name, frozenset()), words_in(about), is_class=True, any_class=not name
    ):
        body = textwrap.dedent(entry.body)
        if name:
            body = replaced(body, [(entry.name, name)])
        if language == "javascript" and _EXTENDS.search(before):
            body = _CONSTRUCTOR.sub(r"\g<0>\n  super();", body)  # before it there is no this
        if entry.doc and not point.is_documented:
            yield Candidate(_placed(f'"""{entry.doc}"""\n\n{body}', point.indent), weight * _DOC_SHARE)
        yield Candidate(_placed(body, point.indent), weight)


def wholes(language: str, request: str, is_class: bool | None, new_name: str = "") -> Iterator[Candidate]:
    """Whole functions and classes that a sentence is about; ``is_class`` None for both."""
    new_name = new_name or named(request)
    for entry, weight in ranked(language, words_in(request), frozenset(), is_class, any_class=True):
        yield Candidate(replaced(entry.text, [(entry.name, new_name)]) if new_name else entry.text, weight)


def blocks(language: str, point: Point, before: str) -> Iterator[Candidate]:
    """Short blocks: what was named last is shown, returned, or refused."""
    names = _names(before)
    returned = _RETURN[language].format(_returned(language, point.head, names[0] if names else ""))
    if language == "python" and _IS_MAIN.search(before):
        yield Candidate("main()", 1.0)
        return
    if language != "python" and _SWITCH.search(before):
        step = UNIT[language]
        yield Candidate(_placed(f"case 1:\n{step}break;\ndefault:\n{step}break;", point.indent), 1.0)
        return
    if names:
        yield Candidate(_SHOW[language].format(names[0]), 1.0)
    if point.head is not None:
        yield Candidate(_ALONE[language] if point.head.returns == "void" else returned, 1.5)
    if language == "python":
        yield Candidate("pass", 0.2 if names else 1.0)
    elif not names:
        yield Candidate(_SHOW[language].format("1"), 1.0)


def statements(language: str, point: Point, before: str) -> Iterator[Candidate]:
    """What could follow a statement; often nothing."""
    assigned = _ASSIGNED.findall(before.rpartition("\n\n")[2])
    name = next((each for each in reversed(assigned) if each not in _RESERVED), "")
    if not name and point.head and point.head.params:
        name = point.head.params[0].name
    last = before.rstrip().rpartition("\n")[2].strip()
    inner = len(indent_of(before, len(before.rstrip()))) > len(point.indent)
    is_over = last.startswith(("return", "raise", "throw", "break", "continue")) and not inner
    if point.head is not None and not is_over and point.head.returns != "void":
        yield Candidate(_RETURN[language].format(_returned(language, point.head, name)), 2.0)
    elif name and not is_over:
        yield Candidate(_SHOW[language].format(name), 0.5)


def _returned(language: str, head: Head | None, name: str) -> str:
    """What a function with this head may return: the name, where its type is not known to be another."""
    if language == "c" and head is not None:
        if head.name == "main":
            return "0"
        if "*" in head.returns:
            return "NULL"
        types = {param.name: param.type for param in head.params}
        return name if name and c_kind(types.get(name, "int")) == "number" else "0"
    return name or ("None" if language == "python" else "null")


def _renamed(entry: Entry, head: Head) -> str:
    """The body of ``entry`` with the names that ``head`` gives."""
    return replaced(textwrap.dedent(entry.body), _pairs(entry, head))


def _pairs(entry: Entry, head: Head) -> list[tuple[str, str]]:
    """Which name becomes which; a name of the body that the head has taken gets an underscore."""
    new = [param.name for param in head.params]
    pairs = {own.name: name for own, name in zip(entry.params, new, strict=False)}
    if head.name:
        pairs[entry.name] = head.name
    taken = {*new, head.name} - {""}
    for word in _NAME.findall(entry.body):
        if word in taken and word not in pairs:
            pairs[word] = word + "_"
    return sorted(pairs.items())


def _plain(language: str, head: Head) -> str:
    """The body of a function of which nothing is known."""
    if head.returns == "void":
        return _ALONE[language]
    if language == "c":
        numbers = [param.name for param in head.params if c_kind(param.type) == "number"]
        return _RETURN[language].format(_returned(language, head, numbers[0] if numbers else ""))
    names = [param.name for param in head.params]
    if not names:
        return _ALONE[language]
    if len(names) == 1:
        return _RETURN[language].format(names[0])
    if language == "python":
        return _RETURN[language].format("{" + ", ".join(f'"{name}": {name}' for name in names) + "}")
    return _RETURN[language].format("{ " + ", ".join(names) + " }")


def _names(before: str) -> list[str]:
    """The names in the last line, the last first."""
    line = before.rstrip().rpartition("\n")[2]
    loop = re.search(r"\bfor\s*\(?\s*(?:const |let |var |int )?(\w+)", line)
    found: Iterable[str] = [loop[1]] if loop else reversed(_NAME.findall(line))
    return [name for name in found if name not in _RESERVED]


def _placed(text: str, indent: str) -> str:
    """``text`` with every line but the first at ``indent``."""
    return text.replace("\n", "\n" + indent).replace("\n" + indent + "\n", "\n\n")
