"""The bodies of methods, from what their names say and what their objects hold."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from mcp_server.protocol.advanced.template.point import Head
from mcp_server.protocol.advanced.template.words import kind_of, words_in


class Attribute(NamedTuple):
    """What an object holds: ``items``, ``dict``, ``map``, ``number`` or ``text``, or something else."""

    name: str
    kind: str


_ATTRIBUTE: Final = {
    "python": re.compile(r"\bself\.(\w+)(?:: [^=\n]+)? = ([^\n]*)"),
    "javascript": re.compile(r"(?:\bthis\.([#\w]+)|^[ \t]+(#\w+)) = ([^\n;]*)", re.MULTILINE),
}
_KINDS: Final = (
    ("items", re.compile(r"\[|list\(|deque\(")),
    ("map", re.compile(r"new Map\(")),
    ("dict", re.compile(r"\{|dict\(|defaultdict\(")),
    ("number", re.compile(r"-?\d")),
    ("text", re.compile(r"[\"'`]")),
)
_CLASS: Final = re.compile(r"^[ \t]*(?:export |default )*class\s+(\w+)", re.MULTILINE)

_KNOWN: Final = (
    ("add append push put insert enqueue register", "items", 1, "self.{a}.append({0})", "this.{a}.push({0});"),
    (
        "add append push put insert register",
        "items",
        2,
        "self.{a}.append(({0}, {1}))",
        "this.{a}.push({{ {0}, {1} }});",
    ),
    (
        "remove delete discard unregister",
        *("items", 1, "self.{a}.remove({0})", "this.{a} = this.{a}.filter((each) => each !== {0});"),
    ),
    ("contains has includes", "items", 1, "return {0} in self.{a}", "return this.{a}.includes({0});"),
    ("get at", "items", 1, "return self.{a}[{0}]", "return this.{a}[{0}];"),
    ("pop", "items", 0, "return self.{a}.pop()", "return this.{a}.pop();"),
    ("peek top last", "items", 0, "return self.{a}[-1]", "return this.{a}[this.{a}.length - 1];"),
    ("dequeue shift next first", "items", 0, "return self.{a}.pop(0)", "return this.{a}.shift();"),
    ("len size count length", "items", 0, "return len(self.{a})", "return this.{a}.length;"),
    ("total sum", "items", 0, "return sum(self.{a})", "return this.{a}.reduce((sum, each) => sum + each, 0);"),
    ("clear reset", "items", 0, "self.{a}.clear()", "this.{a} = [];"),
    ("empty", "items", 0, "return not self.{a}", "return this.{a}.length === 0;"),
    ("iter", "items", 0, "return iter(self.{a})", ""),
    ("list all", "items", 0, "return list(self.{a})", "return [...this.{a}];"),
    ("get find lookup fetch", "dict", 1, "return self.{a}.get({0})", "return this.{a}[{0}];"),
    ("set put add insert store register", "dict", 2, "self.{a}[{0}] = {1}", "this.{a}[{0}] = {1};"),
    ("remove delete discard", "dict", 1, "self.{a}.pop({0}, None)", "delete this.{a}[{0}];"),
    ("contains has", "dict", 1, "return {0} in self.{a}", "return {0} in this.{a};"),
    ("keys names list all", "dict", 0, "return list(self.{a})", "return Object.keys(this.{a});"),
    (
        "total sum",
        *("dict", 0, "return sum(self.{a}.values())"),
        "return Object.values(this.{a}).reduce((sum, each) => sum + each, 0);",
    ),
    ("len size count", "dict", 0, "return len(self.{a})", "return Object.keys(this.{a}).length;"),
    ("clear reset", "dict", 0, "self.{a}.clear()", "this.{a} = {{}};"),
    ("get find lookup", "map", 1, "", "return this.{a}.get({0});"),
    ("set put add insert", "map", 2, "", "this.{a}.set({0}, {1});"),
    ("remove delete discard", "map", 1, "", "return this.{a}.delete({0});"),
    ("contains has", "map", 1, "", "return this.{a}.has({0});"),
    ("clear reset", "map", 0, "", "this.{a}.clear();"),
    ("increment inc increase up", "number", 0, "self.{a} += 1", "this.{a} += 1;"),
    ("decrement dec decrease down", "number", 0, "self.{a} -= 1", "this.{a} -= 1;"),
    ("add deposit increase increment", "number", 1, "self.{a} += {0}", "this.{a} += {0};"),
    ("withdraw subtract remove decrease spend", "number", 1, "self.{a} -= {0}", "this.{a} -= {0};"),
    ("reset clear", "number", 0, "self.{a} = 0", "this.{a} = 0;"),
    ("get url path request fetch", "text", 1, 'return f"{{self.{a}}}/{{{0}}}"', "return `${{this.{a}}}/${{{0}}}`;"),
    ("greet hello say", "text", 0, 'return f"Hello, {{self.{a}}}!"', "return `Hello, ${{this.{a}}}!`;"),
)
"""For the words of a name, the kind of an attribute and a number of parameters, the body in Python and JavaScript."""


def body_of_method(language: str, head: Head, before: str) -> str:
    """The body of a method with this head, at the end of ``before``; empty when nothing is known of it."""
    if not head.is_method or language not in _ATTRIBUTE:
        return ""
    own = "self." if language == "python" else "this."
    end = "" if language == "python" else ";"
    names = [param.name for param in head.params]
    if head.name in ("__init__", "constructor"):
        return "\n".join(f"{own}{name} = {name}{end}" for name in names)
    classes = list(_CLASS.finditer(before))
    held = list(_attributes(language, before[classes[-1].end() :])) if classes else []
    if head.name in ("__repr__", "__str__", "toString") and held:
        return _shown(language, classes[-1][1], held)
    words = words_in(head.name, frozenset({"is", "of", "the"}))
    for each in held:
        if words - {"get"} == words_in(each.name, frozenset()) and not names:
            return f"return {own}{each.name}{end}"
        if words - {"set", "update", "change"} == words_in(each.name, frozenset()) and len(names) == 1:
            return f"{own}{each.name} = {names[0]}{end}"
    return _known(language, words, names, held)


def _known(language: str, words: frozenset[str], names: list[str], held: list[Attribute]) -> str:
    for verbs, kind, count, python, javascript in _KNOWN:
        form = python if language == "python" else javascript
        fitting = [each for each in held if each.kind == kind]
        if form and fitting and count == len(names) and words & set(verbs.split()):
            named = [each for each in fitting if words & words_in(each.name, frozenset())]
            return form.format(*names, a=(named or fitting)[0].name)
    return ""


def _attributes(language: str, text: str) -> Iterator[Attribute]:
    seen = set()
    for match in _ATTRIBUTE[language].finditer(text):
        name, value = next(filter(None, match.groups()[:-1])), match.groups()[-1].strip()
        if name not in seen:
            seen.add(name)
            kind = next((kind for kind, sign in _KINDS if sign.match(value)), "")
            yield Attribute(name, kind or _named_kind(name))


def _named_kind(name: str) -> str:
    """What an attribute holds that was given, by its name."""
    kind = kind_of(name)
    if kind == "number" or words_in(name) & {"balance", "total", "score", "price", "count"}:
        return "number"
    return "text" if kind in ("text", "url", "path") else kind


def _shown(language: str, name: str, held: list[Attribute]) -> str:
    if language == "python":
        return f'return f"{name}({", ".join(f"{{self.{each.name}!r}}" for each in held)})"'
    return f"return `{name}({', '.join(f'${{this.{each.name}}}' for each in held)})`;"
