"""Who may use what: a table of rules, of which the first that fits a request decides."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from fnmatch import translate
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from msgspec import Struct

from events.message import Message

Otherwise = Literal["allow", "deny"]

MOST_RULES: Final = 1000
LONGEST_PATTERN: Final = 256
"""Characters. A pattern is matched in a time that grows with it and the name, and never with their power set."""

LONGEST_NAME: Final = 4096
"""Characters of a name that rules look at; what has a longer one is denied, so that no caller keeps the server busy."""

OPEN: Final = "open"
"""The rule of what needs none: see :data:`NEEDS_NO_RULE`."""

DEFAULT: Final = "default"
"""The rule of what no rule is about."""

TOO_LONG: Final = "too-long"
"""The rule of what has a longer name than rules look at."""

_RESERVED: Final = (OPEN, DEFAULT, TOO_LONG)

NEEDS_NO_RULE: Final = frozenset(
    {
        *("initialize", "ping", "server/discover", "logging/setLevel", "batch"),
        *("subscriptions/listen", "tasks/get", "tasks/update", "tasks/cancel"),
        *("tools/list", "prompts/list", "prompts/search", "resources/list", "resources/templates/list"),
    }
)
"""What a caller may do even where all that no rule is about is denied: it acts on nothing, the lists show only what the
caller may use, the requests of a batch and the resources of a subscription are decided each for itself, and whoever has
a task was allowed to begin it. A rule about it counts."""

DECIDED_AS: Final = {
    "resources/subscribe": "resources/read",
    "resources/unsubscribe": "resources/read",
    "completion/complete": "prompts/get or resources/read",
}
"""What is decided like the use of what it is about: following a resource tells of it, as reading it does."""

_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_NAME: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


class Who(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """Whom a rule is about: all that is given has to fit. Patterns with ``*`` and ``?`` as in file names.

    Attributes:
        principal: The caller's name; ``anonymous`` where nobody has said.
        scope: One of the scopes that the caller has; empty when they do not matter.
        group: One of the groups that it belongs to; empty when they do not matter.
    """

    principal: str = "*"
    scope: str = ""
    group: str = ""


class What(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """What a rule is about. Patterns as in :class:`Who`.

    Attributes:
        method: The JSON-RPC method.
        name: The tool or prompt, or the URI of the resource.
    """

    method: str = "*"
    name: str = "*"


class AccessRule(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One line of the table.

    Attributes:
        who: Whom it is about; everybody unless given.
        what: What it is about; everything unless given.
        allow: Whether that is allowed.
        needs_scope: Scopes, with spaces between them, without which it is not allowed all the same.
        name: What the recording calls it; its place, as ``access[2]``, unless given.
    """

    who: Who = Who()
    what: What = What()
    allow: bool = True
    needs_scope: str = ""
    name: str = ""

    def __post_init__(self) -> None:
        patterns = (self.who.principal, self.who.scope, self.who.group, self.what.method, self.what.name)
        if max(map(len, patterns)) > LONGEST_PATTERN:
            raise ValueError(f"a pattern has at most {LONGEST_PATTERN} characters")
        if self.name and (not _NAME.fullmatch(self.name) or self.name in _RESERVED):
            raise ValueError(f"name must be 1 to 64 letters, digits, _ . : or -, and none of {', '.join(_RESERVED)}")
        if self.needs_scope and not self.allow:
            raise ValueError("needs_scope does not go with allow false: no scope helps there")
        check_scopes(self.needs_scope.split(" ") if self.needs_scope else ())
        if self.what.method in DECIDED_AS:
            raise ValueError(f"{self.what.method} is decided as {DECIDED_AS[self.what.method]}: name that")


class Caller(NamedTuple):
    """Who asks."""

    principal: str
    scopes: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


class Verdict(NamedTuple):
    """What the table says.

    Attributes:
        rule: The rule that decided: its name or place, :data:`OPEN`, :data:`DEFAULT` or :data:`TOO_LONG`.
        allowed: Whether it may be.
        scopes: All the scopes that it takes, with spaces between them, where the caller lacks one of them.
    """

    rule: str
    allowed: bool
    scopes: str = ""


Fits = Callable[[str], object]


class Table:
    """The rules, ready to be asked. Pure: the same question has the same answer."""

    def __init__(self, rules: Sequence[AccessRule], otherwise: Otherwise = "deny") -> None:
        self._rules = tuple(_Ready(rule, rule.name or f"access[{place}]") for place, rule in enumerate(rules))
        self._otherwise = Verdict(DEFAULT, otherwise == "allow")

    def __bool__(self) -> bool:
        """Whether there is any rule; without one everything is allowed."""
        return bool(self._rules)

    def decide(self, caller: Caller, method: str, name: str) -> Verdict:
        """Whether ``caller`` may do this."""
        if len(name) > LONGEST_NAME:
            return _TOO_LONG
        for rule in self._rules:
            if rule.is_about(caller, method, name):
                return rule.verdict(caller)
        return _OPEN if method in NEEDS_NO_RULE else self._otherwise


class _Ready:
    """One rule, its patterns compiled."""

    __slots__ = ("_allow", "_group", "_method", "_name", "_needs", "_principal", "_scope", "label")

    def __init__(self, rule: AccessRule, label: str) -> None:
        self.label = label
        self._allow = rule.allow
        self._needs = rule.needs_scope
        self._principal, self._method, self._name = map(
            _matcher, (rule.who.principal, rule.what.method, rule.what.name)
        )
        self._scope = _matcher(rule.who.scope) if rule.who.scope else None
        self._group = _matcher(rule.who.group) if rule.who.group else None

    def is_about(self, caller: Caller, method: str, name: str) -> bool:
        return bool(
            self._method(method)
            and self._name(name)
            and self._principal(caller.principal)
            and (self._scope is None or any(map(self._scope, caller.scopes)))
            and (self._group is None or any(map(self._group, caller.groups)))
        )

    def verdict(self, caller: Caller) -> Verdict:
        if self._needs and not set(self._needs.split(" ")) <= set(caller.scopes):
            return Verdict(self.label, allowed=False, scopes=self._needs)
        return Verdict(self.label, self._allow)


_OPEN: Final = Verdict(OPEN, allowed=True)
_TOO_LONG: Final = Verdict(TOO_LONG, allowed=False)


def subjects(message: Message, method: str, name: str) -> Iterator[tuple[str, str]]:
    """The methods and names by which a request is decided, all of which have to be allowed: see :data:`DECIDED_AS`.

    A subscription tells of lists, which show only what the caller may use, and of each resource as reading it does.
    """
    yield subject(message, method, name)
    if method == "subscriptions/listen":
        wanted = message.params.get("notifications")
        uris = wanted.get("resourceSubscriptions") if isinstance(wanted, dict) else None
        for uri in uris if isinstance(uris, list) else ():
            yield "resources/read", _text(uri)


def subject(message: Message, method: str, name: str) -> tuple[str, str]:
    """The method and the name by which a request is decided: see :data:`DECIDED_AS`."""
    if method not in DECIDED_AS:
        return method, name
    if method != "completion/complete":
        return "resources/read", _text(message.params.get("uri"))
    reference = message.params.get("ref")
    if isinstance(reference, dict) and reference.get("type") == "ref/resource":
        return "resources/read", _text(reference.get("uri"))
    return "prompts/get", _text(reference.get("name")) if isinstance(reference, dict) else ""


def check_scopes(scopes: Sequence[str]) -> None:
    """See that scopes can be told to clients. Source: RFC 6749, section 3.3.

    Raises:
        ValueError: One cannot.
    """
    for scope in scopes:
        if not _SCOPE.fullmatch(scope):
            raise ValueError(f'a scope is printable ASCII without spaces, " and \\, not {scope[:64]!r}')


@lru_cache(maxsize=64)
def table_of(rules: tuple[AccessRule, ...], otherwise: Otherwise) -> Table:
    """The table of a policy; the same one for the same policy."""
    return Table(rules, otherwise)


def check_rules(rules: Sequence[AccessRule]) -> None:
    """See that rules can be told apart.

    Raises:
        ValueError: There are too many, or two have one name.
    """
    if len(rules) > MOST_RULES:
        raise ValueError(f"access: there are at most {MOST_RULES} rules, not {len(rules)}")
    for name, times in Counter(rule.name for rule in rules if rule.name).items():
        if times > 1:
            raise ValueError(f"access: the name {name!r} is given to {times} rules; each needs one of its own")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


@lru_cache(maxsize=4 * MOST_RULES)
def _matcher(pattern: str) -> Fits:
    """Matches whole texts. What ``translate`` writes takes each part once, at its first place, and never goes back."""
    return (lambda _text: True) if pattern == "*" else re.compile(translate(pattern)).match
