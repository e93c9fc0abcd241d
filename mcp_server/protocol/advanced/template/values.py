"""What could be the value of an assignment or call that a piece of code ends with."""

import re
from typing import Final

from mcp_server.protocol.advanced.template.words import kind_of, words_in

_TARGET: Final = re.compile(r"(?:^|[\s;{(])(?P<name>[A-Za-z_]\w*)[ \t]*=[ \t]*\Z")
_CALL: Final = re.compile(r"\.(?P<name>map|filter|forEach|reduce|find|some|every|sort|then|addEventListener)\([^()]*\Z")
_PYTHON_CALL: Final = re.compile(r"(?:\.(?P<name>append|add|extend|remove)|(?:^|\s)(?P<print>print))\(\Z")
_LAMBDA: Final = re.compile(r"\blambda +(\w+)[^:]*:[ \t]*\Z")
_ARRAY: Final = re.compile(r"\w[ \t]*\[[^\]]*\][ \t]*=[ \t]*\Z")
_ASSIGNED: Final = re.compile(r"(?:^|[\s;{(])(?:const |let |var )?([A-Za-z_]\w*)[ \t]*=[ \t]*([^\s=>])", re.MULTILINE)
_PARAM: Final = re.compile(r"[(,]\s*([A-Za-z_]\w*)")

_OF_ITEMS: Final = {
    "total sum": ("sum({0})", "{0}.reduce((sum, item) => sum + item, 0)"),
    "count length size number": ("len({0})", "{0}.length"),
    "max maximum largest biggest highest": ("max({0})", "Math.max(...{0})"),
    "min minimum smallest least lowest": ("min({0})", "Math.min(...{0})"),
    "sorted ordered order": ("sorted({0})", "[...{0}].sort()"),
    "mean average": ("sum({0}) / len({0})", "{0}.reduce((sum, item) => sum + item, 0) / {0}.length"),
    "first": ("{0}[0]", "{0}[0]"),
    "last": ("{0}[-1]", "{0}[{0}.length - 1]"),
    "unique distinct": ("set({0})", "[...new Set({0})]"),
    "reversed backwards": ("{0}[::-1]", "[...{0}].reverse()"),
    "doubled double": ("[item * 2 for item in {0}]", "{0}.map((item) => item * 2)"),
}
"""For the words of a name, what of a list it could be: in Python, and in JavaScript."""

_CALLBACKS: Final = {
    "map": "(item) => item",
    "filter": "(item) => item",
    "forEach": "(item) => console.log(item)",
    "reduce": "(sum, item) => sum + item, 0",
    "find": "(item) => item",
    "some": "(item) => item",
    "every": "(item) => item",
    "sort": "(a, b) => a - b",
    "then": "(result) => console.log(result)",
    "addEventListener": "(event) => console.log(event.type)",
}


def values(language: str, text: str) -> tuple[str, ...]:
    """What an unfinished last line may go on with, the likeliest first; nothing where nothing is known."""
    line = text.rpartition("\n")[2]
    if language == "javascript" and (call := _CALL.search(line)):
        given = line[call.end("name") + 1 :].strip()
        if given and not given.endswith(","):
            return ()
        return (_spaced(text, _CALLBACKS[call["name"]], wants_space=bool(given)),)
    if language == "python" and (call := _PYTHON_CALL.search(line)):
        return ('"Hello, World!"' if call["print"] else "items" if call["name"] == "extend" else "item",)
    if language == "python" and (taken := _LAMBDA.search(line)):
        return (_spaced(text, taken[1], wants_space=True),)
    if language == "c":
        return (_spaced(text, "{0}", wants_space=True),) if _ARRAY.search(line) else ()
    target = _TARGET.search(line)
    if target is None:
        return ()
    items = _items(text[: len(text) - len(line)])
    words = words_in(target["name"], frozenset())
    for names, forms in _OF_ITEMS.items():
        if items and words & set(names.split()):
            return (_spaced(text, forms[language != "python"].format(items), wants_space=True),)
    return (_spaced(text, items, wants_space=True),) if items else ()


def _items(text: str) -> str:
    """The list that was named last; empty when there is none."""
    lists = [name for name, begins in _ASSIGNED.findall(text) if begins == "["]
    return lists[-1] if lists else next((name for name in _PARAM.findall(text)[::-1] if kind_of(name) == "items"), "")


def _spaced(text: str, value: str, *, wants_space: bool) -> str:
    return f" {value}" if wants_space and not text[-1:].isspace() else value
