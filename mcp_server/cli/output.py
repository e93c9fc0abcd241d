"""Rows to standard output: a table on a terminal, lines in a pipe, JSON or CSV when asked for."""

import csv
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any, Final, NamedTuple

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from mcp_server.cli.text import clean, for_csv, to_json

Row = Mapping[str, Any]

_CHUNK: Final = 200
_WIDEST: Final = 60
_NARROWEST: Final = 20  # of a column that takes what the others leave
_GAP: Final = 2
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
        spare: On a narrow terminal the columns with the highest number are left out first; those with 0 stay.
    """

    key: str
    title: str
    show: Callable[[Any], str] = _plain
    right: bool = False
    style: str | Callable[[Row], str] = ""
    rest: bool = False
    spare: int = 0

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
        printed = 0
        layout: _Layout | None = None
        while chunk := list(islice(rows, _CHUNK)):
            # Later chunks keep the widths of the first, so that the columns stay in line.
            layout = layout or _Layout(columns, chunk, self.console.width, heading=heading)
            self.console.print(layout.table(chunk, heading=heading and not printed))
            printed += len(chunk)
        return printed


class _Layout:
    """Which columns there is room for, and how wide they are."""

    def __init__(self, columns: list[Column], rows: list[Row], room: int, *, heading: bool) -> None:
        widths = {column.key: _NARROWEST if column.rest else _widest(column, rows, heading) for column in columns}
        for column in sorted(columns, key=lambda column: -column.spare):
            if column.spare and _together(widths) > room:
                del widths[column.key]
        self._columns = [column for column in columns if column.key in widths]
        for column in self._columns:
            if column.rest:
                widths[column.key] += max(0, room - _together(widths))
        self._widths = widths

    def table(self, rows: list[Row], *, heading: bool) -> Table:
        # The box itself keeps columns one cell apart.
        table = Table(
            box=SIMPLE_HEAD, show_header=heading, show_edge=False, pad_edge=False, padding=(0, _GAP - 1, 0, 0)
        )
        for column in self._columns:
            justify: JustifyMethod = "right" if column.right else "left"
            width = self._widths[column.key]
            table.add_column(Text(column.title), justify=justify, no_wrap=True, overflow="ellipsis", width=width)
        for row in rows:
            table.add_row(*(_styled(column, row) for column in self._columns))
        return table


def _widest(column: Column, rows: list[Row], heading: bool) -> int:
    widths = [cell_len(column.cell(row)) for row in rows]
    return min(_WIDEST, max(cell_len(column.title) if heading else 0, *widths))


def _together(widths: Mapping[str, int]) -> int:
    return sum(widths.values()) + _GAP * (len(widths) - 1)


def _styled(column: Column, row: Row) -> Text:
    return Text(column.cell(row), style=column.style if isinstance(column.style, str) else column.style(row))


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
