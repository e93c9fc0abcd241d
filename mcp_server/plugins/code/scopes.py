"""Which definition a name means, by the scopes of its language.

A language says with :data:`Rule` functions what a kind of node does: open a scope, bind a name, leave one alone. The
names are looked up when all of the file has been read, because in all three languages a name may be used above the
place where it is bound.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from tree_sitter import Node

MODULE: Final = "module"
FUNCTION: Final = "function"
CLASS: Final = "class"
BLOCK: Final = "block"

PLAIN: Final = ""
MEMBER: Final = "member"
"""The name space of attributes, properties and fields: they are the same when their names are."""

Key: TypeAlias = tuple[str, str]
"""Name space and name."""

Rule: TypeAlias = "Callable[[Node, Scope, Book], Scope]"
"""What a node does to names. Gets the scope it stands in and returns the scope of what is inside it."""


class Binding:
    """What a name means in a scope.

    Attributes:
        kind: Of what first bound it.
        scope: Where it is bound.
    """

    __slots__ = ("kind", "scope")

    def __init__(self, kind: str, scope: "Scope") -> None:
        self.kind = kind
        self.scope = scope


class Scope:
    """A part of a file with names of its own.

    Attributes:
        kind: The names of a class show only directly inside it.
        parent: The scope around it; None for the file.
        file: The scope of the file.
        names: What is bound here.
        links: Names that mean something around it: ``global`` or ``nonlocal``.
        inside: What names mean to what is inside, as far as :meth:`find` has found out.
    """

    __slots__ = ("file", "inside", "kind", "links", "names", "parent")

    def __init__(self, kind: str, parent: "Scope | None") -> None:
        self.kind = kind
        self.parent = parent
        self.file: Scope = self if parent is None else parent.file
        self.names: dict[Key, Binding] = {}
        self.links: dict[str, str] = {}
        self.inside: dict[Key, Binding | None] = {}

    def find(self, key: Key) -> Binding | None:
        """What a name means here. To be asked when all names are known: the answers are kept."""
        if key in self.names and key[1] not in self.links:
            return self.names[key]
        passed: list[Scope] = []
        scope: Scope | None = self
        found: Binding | None = None
        while scope is not None:
            if key in scope.inside:
                found = scope.inside[key]
                break
            passed.append(scope)
            link = scope.links.get(key[1])
            if link == "global":
                found = self.file.names.get(key)
                break
            if link is None and scope.kind != CLASS and key in scope.names:
                found = scope.names[key]
                break
            scope = scope.parent
        for scope in passed:
            scope.inside[key] = found
        return found

    def nearest(self, *kinds: str) -> "Scope":
        """This scope or the nearest around it of one of these kinds; else that of the file."""
        scope = self
        while scope.kind not in kinds and scope.parent is not None:
            scope = scope.parent
        return scope


class Use(NamedTuple):
    """A name where it stands, in bytes. ``kind`` says what it does there: ``reference``, or what it binds."""

    start: int
    end: int
    key: Key
    scope: Scope
    kind: str


class _Mark(NamedTuple):
    """What a rule said about a name that has not been reached yet."""

    scope: Scope | None  # None for the scope that the name stands in
    space: str
    kind: str


class Book:
    """What is known of the names of a file.

    Attributes:
        uses: All names, or those that were asked for, in the order in which they were met.
        file: The scope of the file.
    """

    def __init__(self, content: bytes, wanted: str | None = None) -> None:
        self.uses: list[Use] = []
        self.file = Scope(MODULE, None)
        self.scopes = [self.file]
        self._content = content
        self._wanted = None if wanted is None else wanted.encode()
        self._marks: dict[int, _Mark] = {}
        self._ignored: set[int] = set()
        self._placed: dict[int, Scope] = {}

    def open(self, kind: str, parent: Scope) -> Scope:
        """A new scope inside ``parent``."""
        scope = Scope(kind, parent)
        self.scopes.append(scope)
        return scope

    def place(self, node: "Node", scope: Scope) -> None:
        """Let a node that has not been reached yet stand in another scope than its parent's."""
        self._placed[node.id] = scope

    def bind(self, name: "Node", scope: Scope, kind: str, space: str = PLAIN) -> None:
        """``name`` is bound in ``scope``, or in the one that the scope says. What was said first of a name counts."""
        if name.start_byte in self._marks or (text := self._text(name)) is None:
            return
        self._marks[name.start_byte] = _Mark(scope, space, kind)
        link = scope.links.get(text)
        if link == "nonlocal":
            return
        where = scope.file if link == "global" else scope
        where.names.setdefault((space, text), Binding(kind, where))

    def link(self, name: "Node", scope: Scope, how: str) -> None:
        """``name`` means in ``scope`` what it means in the file (``global``) or around it (``nonlocal``)."""
        if (text := self._text(name)) is not None:
            scope.links[text] = how

    def refer(self, name: "Node", space: str) -> None:
        """``name`` belongs to another name space."""
        self._marks.setdefault(name.start_byte, _Mark(None, space, "reference"))

    def member(self, name: "Node", *, declares: bool = False) -> None:
        """``name`` is an attribute, a property or a field."""
        if declares:
            self.bind(name, self.file, MEMBER, MEMBER)
        else:
            self.refer(name, MEMBER)

    def ignore(self, node: "Node") -> None:
        """Nothing in ``node`` is a name of this file."""
        self._ignored.add(node.id)

    def take_place(self, node: "Node", scope: Scope) -> Scope | None:
        """The scope that ``node`` stands in, ``scope`` unless a rule said another; None when it is to be left alone."""
        if node.id in self._ignored:
            return None
        return self._placed.pop(node.id, scope)

    def meet(self, name: "Node", scope: Scope) -> None:
        """Take down a name where it stands."""
        if (text := self._text(name)) is None:
            return
        mark = self._marks.get(name.start_byte, _REFERENCE)
        start, end = name.start_byte, name.end_byte
        self.uses.append(Use(start, end, (mark.space, text), mark.scope or scope, mark.kind))

    def _text(self, name: "Node") -> str | None:
        """The name; None when it is missing, or not the one that is wanted."""
        text = self._content[name.start_byte : name.end_byte]
        if not text or (self._wanted is not None and text != self._wanted):
            return None
        return text.decode("utf-8", "replace")


_REFERENCE: Final = _Mark(None, PLAIN, "reference")
