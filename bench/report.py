"""How figures are shown to people, and kept for programs."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.figure import Result

COLOURS = {"aim": "green", "ok": "cyan", "MISSED": "bold red"}


def show(console: Console, results: Sequence[Result], missing: Sequence[tuple[str, str]]) -> None:
    """Print the table, and what is not in it."""
    table = Table("figure", "value", "lowest to highest", "at least", "aim", "verdict")
    for result in results:
        goal = result.goal
        unit = result.unit
        table.add_row(
            result.name,
            number(result.value, unit),
            f"{number(result.low, unit)} to {number(result.high, unit)}",
            number(goal.floor, unit) if goal else "",
            number(goal.aim, unit) if goal else "",
            f"[{COLOURS[result.verdict]}]{result.verdict}[/]" if goal else "",
        )
    console.print(table)
    for result in results:
        console.print(f"{result.name}: {result.words}", highlight=False, soft_wrap=True)
    for name, problem in missing:
        console.print(f"[bold red]not measured[/] {name}: {escape(problem)}", highlight=False, soft_wrap=True)


def number(value: float, unit: str) -> str:
    """With as many digits as mean something."""
    if value >= 100:
        return f"{value:,.0f} {unit}"
    return f"{value:.2f} {unit}" if value < 10 else f"{value:.1f} {unit}"


def write(path: Path, machine: dict[str, Any], results: Sequence[Result], missing: Sequence[tuple[str, str]]) -> None:
    """Keep everything as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": machine,
        "figures": [_as_json(result) for result in results],
        "not_measured": [{"figure": name, "problem": problem} for name, problem in missing],
    }
    path.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def _as_json(result: Result) -> dict[str, Any]:
    goal = result.goal
    return {
        "figure": result.name,
        "value": result.value,
        "low": result.low,
        "high": result.high,
        "unit": result.unit,
        "at_least": goal.floor if goal else None,
        "aim": goal.aim if goal else None,
        "verdict": result.verdict or None,
        "measured": result.words,
        "details": result.details,
    }
