"""Rows to standard output: a table on a terminal, lines in a pipe, JSON or CSV when asked for."""

import csv
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any, Final, NamedTuple

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from mcp_server.cli.text import clean, for_csv, to_json

Row = Mapping[str, Any]

_CHUNK: Final = 200
_WIDEST: Final = 60
_LONG: Final = 5_000  # records; fewer are done in a moment


def _plain(value: Any) -> str:
    return "" if value is None else str(value)


class Column(NamedTuple):
    """One column.

    Attributes:
        key: The member of a row that it shows.
        title: Its heading.
        show: Makes text of the value.
        right: Whether it is aligned to the right.
        style: How its cells look on a terminal: a style, or what finds it for a row.
        rest: Whether it takes the room that the others leave; what does not fit is cut off.
    """

    key: str
    title: str
    show: Callable[[Any], str] = _plain
    right: bool = False
    style: str | Callable[[Row], str] = ""
    rest: bool = False

    def cell(self, row: Row) -> str:
        """The text for a row."""
        return clean(self.show(row[self.key]))


class Output:
    """Where rows go, and in which form."""

    def __init__(self, *, json: bool = False, csv: bool = False) -> None:
        self.json = json
        self._csv = csv
        self.console = Console(highlight=False, markup=False, emoji=False, soft_wrap=False)
        self.table = not json and not csv and sys.stdout.isatty()

    def rows(self, columns: list[Column], rows: Iterable[Row], *, heading: bool = True) -> int:
        """Print rows as they come; returns how many there were."""
        if self.json:
            return self._lines(map(to_json, rows))
        if self._csv:
            return self._spreadsheet(columns, rows, heading=heading)
        if not self.table:
            return self._lines("\t".join(column.cell(row) for column in columns) for row in rows)
        return self._tables(columns, iter(rows), heading=heading)

    def record(self, row: Row) -> None:
        """Print one JSON object, when JSON is asked for."""
        if self.json:
            self._lines((to_json(row),))

    def say(self, text: str, style: str = "") -> None:
        """Print a sentence for people; a program that reads JSON or CSV gets none."""
        if not self.json and not self._csv:
            self.console.print(Text(text, style=style), soft_wrap=True)

    def _lines(self, lines: Iterable[str]) -> int:
        printed = 0
        for printed, line in enumerate(lines, 1):  # noqa: B007 - the number is wanted
            sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
        return printed

    def _spreadsheet(self, columns: list[Column], rows: Iterable[Row], *, heading: bool) -> int:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        if heading:
            writer.writerow([column.key for column in columns])
        printed = 0
        for printed, row in enumerate(rows, 1):  # noqa: B007 - as above
            writer.writerow([for_csv(row[column.key]) for column in columns])
        sys.stdout.flush()
        return printed

    def _tables(self, columns: list[Column], rows: Iterator[Row], *, heading: bool) -> int:
        printed, widths = 0, [len(column.title) if heading else 0 for column in columns]
        while chunk := list(islice(rows, _CHUNK)):
            cells = [[column.cell(row) for column in columns] for row in chunk]
            # Later chunks keep the widths of the earlier ones where they can, so that the columns stay in line.
            widths = [
                min(_WIDEST, max(width, *map(len, each))) for width, each in zip(widths, _columns(cells), strict=True)
            ]
            self.console.print(_table(columns, widths, chunk, cells, heading=heading and not printed))
            printed += len(chunk)
        return printed


def _columns(cells: list[list[str]]) -> Iterator[list[str]]:
    for column in zip(*cells, strict=True):
        yield ["", *column]


def _table(
    columns: list[Column], widths: list[int], rows: list[Row], cells: list[list[str]], *, heading: bool
) -> Table:
    table = Table(box=box.SIMPLE_HEAD if heading else None, show_header=heading, pad_edge=False, padding=(0, 2, 0, 0))
    for column, width in zip(columns, widths, strict=True):
        table.add_column(
            Text(column.title),
            justify="right" if column.right else "left",
            no_wrap=True,
            overflow="ellipsis",
            min_width=None if column.rest else width,
            ratio=1 if column.rest else None,
        )
    for row, texts in zip(rows, cells, strict=True):
        table.add_row(*(_styled(column, text, row) for column, text in zip(columns, texts, strict=True)))
    return table


def _styled(column: Column, text: str, row: Row) -> Text:
    return Text(text, style=column.style if isinstance(column.style, str) else column.style(row))


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on standard error for long work on a terminal; yields what is to be told how much is done."""
    if total < _LONG or not sys.stderr.isatty():
        yield lambda _done: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)
