"""``python -m bench``: measure, show, and keep the figures."""

import argparse
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from bench import machine, report
from bench.figure import Result, Setting
from bench.figures import FAMILIES
from bench.process import CannotMeasure, raise_file_limit

RESULTS = Path(__file__).resolve().parent / "results"


def main() -> int:
    arguments = _arguments()
    console = Console(width=None if sys.stdout.isatty() else 110)
    if arguments.list:
        for family in FAMILIES:
            console.print(*family.names, sep="\n", highlight=False)
        return 0
    raise_file_limit()
    RESULTS.mkdir(exist_ok=True)
    results: list[Result] = []
    missing: list[tuple[str, str]] = []
    with tempfile.TemporaryDirectory(dir=RESULTS) as scratch, console.status("") as status:
        facts = machine.facts(Path(scratch))
        try:
            for number, family in enumerate(FAMILIES):
                names = [name for name in family.names if _wanted(name, arguments.only)]
                if not names:
                    continue
                folder = Path(scratch) / str(number)
                folder.mkdir()
                try:
                    measured = family.measure(Setting(arguments.quick, folder, status.update), names)
                except CannotMeasure as problem:
                    missing += [(name, str(problem)) for name in names]
                else:
                    results += [result for result in measured if result.name in names]
        finally:  # what was measured until somebody had enough is worth something
            report.show(console, results, missing)
            report.write(arguments.json, facts, results, missing)
    missed = any(result.verdict == "MISSED" for result in results)
    return int(bool(missing) or (arguments.strict and missed))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer, shorter rounds and smaller logs: a rough answer")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="figures, or the words they begin with; see --list")
    parser.add_argument("--json", type=Path, default=RESULTS / "latest.json", help="where to keep the figures")
    parser.add_argument("--list", action="store_true", help="print the names of the figures")
    parser.add_argument("--strict", action="store_true", help="end with 1 when a figure misses its floor")
    arguments = parser.parse_args()
    names = [name for family in FAMILIES for name in family.names]
    for wanted in arguments.only or ():
        if not any(name.startswith(wanted) for name in names):
            parser.error(f"no figure is called {wanted!r}; --list names them")
    return arguments


def _wanted(name: str, only: list[str] | None) -> bool:
    return only is None or any(name.startswith(wanted) for wanted in only)


if __name__ == "__main__":
    sys.exit(main())
