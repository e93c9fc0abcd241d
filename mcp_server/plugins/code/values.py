"""What the tools answer. Lines count from 1; columns count from 1, in characters (Unicode code points)."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Line = Annotated[int, Meta(ge=1, description="Counted from 1.")]
Column = Annotated[int, Meta(ge=1, description="Counted from 1, in characters (Unicode code points).")]
EndColumn = Annotated[int, Meta(ge=1, description="Counted from 1, in characters; the first that is not part of it.")]
Count = Annotated[int, Meta(ge=0)]


class Symbol(Struct, frozen=True, gc=False, omit_defaults=True):
    """Something with a name.

    Attributes:
        kind: Such as `class`, `function`, `method`, `variable`, `struct`, `macro`.
        name: As it is written.
        signature: Its first words up to its body, on one line, cut after 200 characters.
        doc: The documentation that it has, cut after 500 characters.
        children: What is defined inside. What is nested more than 16 deep stands beside what it is inside of.
    """

    kind: str
    name: str
    signature: str
    line: Line
    column: Column
    end_line: Line
    end_column: EndColumn
    doc: str = ""
    children: "tuple[Symbol, ...]" = ()


class Outline(Struct, frozen=True, gc=False):
    """The symbols of a file, nested. `truncated` when there are more; `has_errors` when its syntax has errors."""

    symbols: tuple[Symbol, ...]
    truncated: bool
    has_errors: bool


class SyntaxProblem(Struct, frozen=True, gc=False):
    """A place where the syntax is wrong.

    Attributes:
        kind: `missing` when something should stand at that place, `unexpected` when something should not.
        what: What is missing, or the text that was not expected, cut after 80 characters.
        expected: What could have stood there, when that is little enough to tell.
        message: The same as a sentence, with the line's text.
    """

    kind: Literal["missing", "unexpected"]
    what: str
    expected: tuple[str, ...]
    message: str
    line: Line
    column: Column
    end_line: Line
    end_column: EndColumn


class SyntaxErrors(Struct, frozen=True, gc=False):
    """The first places where the syntax is wrong. `count` is how many there are; more than 200 are not listed."""

    errors: tuple[SyntaxProblem, ...]
    count: Count


class FunctionMetrics(Struct, frozen=True, gc=False):
    """Figures of one function.

    Attributes:
        complexity: McCabe's cyclomatic complexity: one, and one for each decision.
        depth: How deep control structures are nested in it.
        lines: From its first line to its last.
    """

    name: str
    line: Line
    lines: Count
    complexity: Count
    depth: Count


class Metrics(Struct, frozen=True, gc=False):
    """Figures of a file.

    Attributes:
        lines: All lines: code, comment and blank ones together.
        code: Lines with anything but comments.
        comment: Lines with nothing but comments or documentation.
        blank: Lines with nothing but white space.
        function_count: How many functions there are.
        functions: The most complex ones first, at most 1,000.
        longest: The function with the most lines; null when there is none.
        complexity: Decisions outside functions, and one.
        mean_complexity: Of the functions; 0 when there is none.
    """

    lines: Count
    code: Count
    comment: Count
    blank: Count
    function_count: Count
    functions: tuple[FunctionMetrics, ...]
    longest: FunctionMetrics | None
    complexity: Count
    mean_complexity: float


class Undocumented(Struct, frozen=True, gc=False):
    """Something without documentation."""

    kind: str
    name: str
    line: Line


class DocCoverage(Struct, frozen=True, gc=False):
    """How much of a file is documented.

    Attributes:
        total: What could have documentation.
        documented: What has.
        ratio: The one by the other; 1 when there is nothing to document.
        missing: What has none, at most 1,000.
    """

    total: Count
    documented: Count
    ratio: float
    missing: tuple[Undocumented, ...]


class ImportFound(Struct, frozen=True, gc=False):
    """One import.

    Attributes:
        path: The file it is in; empty for code that was given as text.
        module: As it is written.
        names: What is taken from the module.
        targets: The files of the workspace that it means; empty when it means none of them.
        deferred: Whether it is carried out only when a function runs.
    """

    path: str
    line: Line
    module: str
    names: tuple[str, ...]
    targets: tuple[str, ...]
    deferred: bool


class Imports(Struct, frozen=True, gc=False):
    """What files import.

    Attributes:
        files: How many files were read.
        imports: What they import, at most 5,000.
        external: Modules that are not files of the workspace, at most 1,000.
        cycles: For each group of files that import each other, a shortest cycle: its first file comes again at its end.
            Imports that are carried out only when a function runs are no part of a cycle.
        unread: Files that could not be read, with the reason; at most 100.
        truncated: What was left out, in words; empty when nothing was.
    """

    files: Count
    imports: tuple[ImportFound, ...]
    external: tuple[str, ...]
    cycles: tuple[tuple[str, ...], ...]
    unread: tuple[str, ...]
    truncated: str


class Place(Struct, frozen=True, gc=False):
    """Where a name stands.

    Attributes:
        path: The file; empty for code that was given as text.
        kind: Such as `function`, `parameter`, `import`, `member`, or `reference`.
        text: The line, cut after 200 characters.
        sure: True when the scopes of the language say so; False when only the name is the same.
    """

    path: str
    line: Line
    column: Column
    end_column: EndColumn
    kind: str
    text: str
    sure: bool


class Places(Struct, frozen=True, gc=False):
    """Where a name is defined or used.

    Attributes:
        name: The name.
        places: At most 500.
        searched: How many files were read.
        truncated: What was left out, in words; empty when nothing was.
    """

    name: str
    places: tuple[Place, ...]
    searched: Count
    truncated: str


class Capture(Struct, frozen=True, gc=False):
    """A node that a query captured.

    Attributes:
        name: The capture's, without `@`.
        kind: The node's.
        text: Its text, cut after 200 characters.
    """

    name: str
    kind: str
    text: str
    line: Line
    column: Column
    end_line: Line
    end_column: EndColumn


class Match(Struct, frozen=True, gc=False):
    """A match; `pattern` is the number of the pattern in the query, from 0."""

    pattern: Count
    captures: tuple[Capture, ...]


class Matches(Struct, frozen=True, gc=False):
    """What a query found. `truncated` when there is more than was asked for."""

    matches: tuple[Match, ...]
    truncated: bool
