"""Which language a prompt is in, and whether it is a request in words or code to go on with."""

import re
from typing import Final, NamedTuple

_REQUEST: Final = re.compile(
    r"\s*(?:please\s+|can you\s+|could you\s+)?(?:generate|write|create|implement|give me|show me|make|build|code)\b"
    r"(?P<what>.*?\b(?:code|class|functions?|methods?|program|script|struct|module|python|javascript|js)\b.*"
    r"|.*\bin (?:c|C)\b.*)",
    re.IGNORECASE | re.DOTALL,
)
_NAMES: Final = {
    "javascript": re.compile(r"\b(?:javascript|js|node(?:\.?js)?|typescript)\b", re.IGNORECASE),
    "c": re.compile(r"\bC\b|\bin c\b|\b[ac] c (?:function|program|struct)\b|\bstruct\b"),
}
_TYPES: Final = r"(?:int|char|void|double|float|long|short|bool|size_t|u?int\d+_t|struct\s+\w+)"
_SIGNS: Final[dict[str, tuple[tuple[int, str], ...]]] = {
    "python": (
        (3, r"^\s*(?:async\s+)?def(?:\s+\w|\s*$)"),
        (3, r"^\s*class(?:\s+\w+\s*(?:\([^()]*\)?)?\s*:?)?\s*$"),
        (3, r"^\s*(?:from\s+[\w.]+\s+import\b|import\s+[\w., ]+$|from\s+[\w.]+$)"),
        (2, r"^\s*(?:if|elif|else|for|while|with|try|except|finally|match)\b[^{};]*:\s*$"),
        (2, r"^\s*for\s+\w+\s+in(?:\s+\w+)?\s*$|^\s*(?:if|elif|while)\s+[\w.]+\s*[<>=!]|^\s*with\s+[\w.]+\("),
        (2, r"\blambda\b[\w ,=*]*:"),
        (2, r"^\s*@\w|\bself\.\w|\"\"\"|\bprint\("),
        (1, r"^\s*(?:return|yield|raise)(?:\s+[\w.\[\]()]+)?\s*$"),
        (1, r"^\s*[\w.]+(?:\s*,\s*[\w.]+)*\s*[+*/-]?=(?![=>])[^;]*$"),
        (1, r"^\s*#\s*\w"),
        (2, r"^\s*[\w.]+\.(?:append|extend|join|split|items|keys|format|strip|startswith|endswith)\("),
        (1, r"^\s*[A-Za-z_][\w.]*\([\w., \[\]\"']*\Z"),
    ),
    "javascript": (
        (3, r"\bfunction\b\s*\*?\s*\w*\s*\(|^\s*(?:export\s+|default\s+|async\s+)*function\b"),
        (3, r"^\s*(?:export\s+)?(?:const|let|var)\s+[\w\[{]|=>"),
        (3, r"^\s*(?:export\s+(?:default\s+)?)?class\s+\w+(?:\s+extends\s+[\w.]+)?\s*\{"),
        (3, r"\bconsole\.|\bdocument\.|\brequire\(|===|`[^`]*\$\{|^\s*import\b.*\bfrom\s+['\"]"),
        (2, r"\w\.(?:map|filter|forEach|reduce|then|catch|push|some|every|addEventListener)\("),
        (1, r"^\s*//"),
        (1, r"^\s*(?:if|for|while|switch)\s*\("),
    ),
    "c": (
        (4, r"^\s*#\s*(?:include|define|ifn?def|pragma)\b"),
        (3, rf"^\s*(?:(?:static|const|unsigned|signed|inline|extern)\s+)*{_TYPES}[\s*]+\w+\s*(?:[(=;\[,]|$)"),
        (3, r"^\s*(?:typedef\b|struct\s+\w+\s*\{|(?:enum|union)\s+\w+\s*\{)"),
        (3, r"\b(?:int|size_t|char|long|unsigned|float) \*?\w+ ?[=;,)\[]"),
        (2, r"\bprintf\(|\bmalloc\(|\bsizeof\b|\bNULL\b|->\w"),
    ),
}
"""What is seen in code of each language, and how much that says."""

_COMPILED: Final = {
    language: tuple((weight, re.compile(sign, re.MULTILINE)) for weight, sign in signs)
    for language, signs in _SIGNS.items()
}


class Reading(NamedTuple):
    """What a prompt is.

    Attributes:
        language: ``python``, ``javascript``, ``c`` or ``prose``.
        is_request: Whether it asks for code in words.
    """

    language: str
    is_request: bool


def read(prompt: str) -> Reading:
    """Say what ``prompt`` is; of code, its last lines count."""
    signs = {
        language: sum(weight for weight, sign in each if sign.search(prompt)) for language, each in _COMPILED.items()
    }
    request = _REQUEST.match(prompt)
    if request and "\n" not in prompt.strip() and not signs["javascript"]:
        return Reading(next((name for name, words in _NAMES.items() if words.search(request["what"])), "python"), True)
    best = max(signs, key=lambda language: signs[language])
    return Reading(best if signs[best] > 0 else "prose", is_request=False)
