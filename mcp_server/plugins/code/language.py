"""What the tools have to know of a language: the kinds of its syntax nodes, and a few functions over them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Final, NamedTuple

from mcp_server.plugins.code.source import Source, decode

if TYPE_CHECKING:
    from tree_sitter import Language as Grammar
    from tree_sitter import Node

    from mcp_server.plugins.code.scopes import Rule


FUNCTIONS: Final = frozenset({"function", "method", "constructor", "getter", "setter"})
"""Kinds of definitions whose inside is the inside of a function."""


class Definition(NamedTuple):
    """Something with a name, as the outline shows it.

    Attributes:
        kind: Such as ``function``.
        name: As it is written.
        whole: Where it is written, from its first word to its end.
        body: Where its signature ends; None when all of its first line is the signature.
        local: Whether it shows only inside a file or a class, by the habits of the language.
    """

    kind: str
    name: str
    whole: "Node"
    body: "Node | None" = None
    local: bool = False


class Enclosing(NamedTuple):
    """What is around a node: the kind of the nearest definition (empty when there is none), and whether a function."""

    kind: str
    in_function: bool


class Import(NamedTuple):
    """A request for another module or file.

    Attributes:
        module: As it is written, without quotes; with its brackets for ``<stdio.h>``.
        names: What is taken from it; empty for the module itself.
        at: The node it stands in.
        deferred: Whether it is carried out only when a function runs.
    """

    module: str
    names: tuple[str, ...]
    at: "Node"
    deferred: bool = False


@dataclass(frozen=True, repr=False)
class Language:
    """One language, described.

    Attributes:
        name: For programs, and the first part of the tools' names.
        title: For people.
        suffixes: What its files' names end in.
        module: The package with its grammar.
        comments: Kinds of comments.
        functions: Kinds of functions, with a name or without; each counts as one in the metrics.
        decisions: Kinds that fork the flow of control, each with the tokens one of which has to be in it; none when
            the kind is enough.
        nesting: Kinds that nest what is inside them.
        flat: Pairs of a kind and the kind directly inside it that does not nest any further, such as ``else if``.
        opened: Kinds that the outline looks into; all when empty.
        closed: Kinds that it does not look into.
        define: What a node defines, for the outline.
        documented: Kinds of definitions that should have documentation.
        doc: The documentation that a definition holds; comments before it are its documentation when there is none.
        is_doc: Whether a node is documentation although it is no comment.
        module_doc: The documentation of a whole file, for languages that ask for one.
        identifiers: Kinds of names.
        rules: What a kind of node does to names, for definitions and references.
        find_imports: What a node imports; the flag says whether it is inside a function.
        resolve: The files of a workspace that an import of a file means, given which files there are.
        decode: From a file's bytes to its text.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    module: str
    comments: frozenset[str]
    functions: frozenset[str]
    decisions: Mapping[str, frozenset[str]]
    nesting: frozenset[str]
    define: Callable[["Node", Enclosing, Source], Iterator[Definition]]
    documented: frozenset[str]
    identifiers: frozenset[str]
    rules: "Mapping[str, Rule]"
    find_imports: Callable[["Node", bool, Source], Iterator[Import]]
    resolve: Callable[[str, Import, Callable[[str], bool]], list[str]]
    flat: frozenset[tuple[str, str]] = frozenset()
    opened: frozenset[str] = frozenset()
    closed: frozenset[str] = frozenset()
    doc: "Callable[[Definition, Source], str] | None" = None
    is_doc: "Callable[[Node], bool] | None" = None
    module_doc: "Callable[[Node, Source], str] | None" = None
    decode: Callable[[bytes], str] = field(default=decode)

    def __repr__(self) -> str:
        return f"Language({self.name!r})"

    @cached_property
    def grammar(self) -> "Grammar":
        """The grammar, loaded when it is first needed."""
        from tree_sitter import Language as Grammar

        return Grammar(import_module(self.module).language())
