"""Runs the official conformance suite against the fixture server: ``make conformance``.

Every scenario of each set has to pass, those that count and those that do not, without a failure and without a warning;
nothing is expected to fail. A control server, which offers nothing, has to fail: so that a suite that looks at nothing
is noticed.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from tests.children import Child, running

HERE: Final = Path(__file__).parent
MODULES: Final = HERE / "node_modules"
SUITE: Final = MODULES / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"

NODE: Final = 22
"""The oldest Node that the suite runs on."""

LONGEST: Final = 600
"""Seconds that one set may take."""


class Set(NamedTuple):
    """A set of scenarios.

    Attributes:
        name: What it is called here.
        arguments: What the suite is told.
        scenarios: How many there are.
    """

    name: str
    arguments: tuple[str, ...]
    scenarios: int


SETS: Final = (
    Set("2025-11-25", ("--requirements", "2025-11-25"), 33),
    Set("2026-07-28", ("--requirements", "2026-07-28"), 50),
    Set("all", ("--suite", "all"), 65),
)


class Outcome(NamedTuple):
    """What a set showed.

    Attributes:
        scenarios: How many were run.
        checks: How many checks had each status.
        problems: Those that failed or warned.
    """

    scenarios: int
    checks: Counter[str]
    problems: list[str]


def main() -> int:
    """Run the sets; 0 when all hold and the control fails."""
    parser = argparse.ArgumentParser(prog="make conformance", description=__doc__)
    parser.add_argument("--only", choices=[each.name for each in SETS], help="one set")
    only = parser.parse_args().only
    node = find_node()
    failed = False
    with tempfile.TemporaryDirectory() as scratch, served(Path(scratch), HERE / "fixture.py") as child:
        for each in SETS:
            if only in (None, each.name):
                failed |= not holds(each, run(node, each.arguments, child.url, Path(scratch) / each.name))
        if failed:
            print(told_of(child))
    with tempfile.TemporaryDirectory() as scratch, served(Path(scratch), HERE / "nothing.py") as child:
        control = run(node, SETS[0].arguments, child.url, Path(scratch) / "control")
        if not control.problems:
            print("CONTROL  a server that offers nothing has passed: the suite looks at nothing")
            failed = True
        else:
            print(f"control     {len(control.problems)} problems with a server that offers nothing, as there must be")
    return int(failed)


def holds(each: Set, found: Outcome) -> bool:
    """Tell what a set showed; whether all of it is well."""
    good = not found.problems and found.scenarios == each.scenarios
    counted = ", ".join(f"{count} {status.lower()}" for status, count in sorted(found.checks.items()))
    print(f"{each.name:<11} {found.scenarios}/{each.scenarios} scenarios run; checks: {counted}", flush=True)
    for problem in found.problems:
        print(f"  {problem}")
    return good


def told_of(child: Child) -> str:
    """What the server said, and whether it still runs: for who looks for what failed."""
    ended = child.process.poll()
    state = "still runs" if ended is None else f"ended with {ended}"
    return f"the server {state}; the end of what it wrote to standard error:\n{child.errors[-4000:]}"


def run(node: str, arguments: Sequence[str], url: str, results: Path) -> Outcome:
    """Run the suite against a server."""
    words = [node, str(SUITE), "server", "--url", url, *arguments, "-o", str(results)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=LONGEST, check=False)
    checks: Counter[str] = Counter()
    problems: list[str] = []
    found = sorted(results.glob("server-*/checks.json"))
    if not found:
        raise SystemExit(f"the suite has run nothing: {(done.stderr or done.stdout)[-2000:]}")
    for file in found:
        scenario = re.sub(r"^server-|-\d{4}-\d\d-\d\dT.*$", "", file.parent.name)
        for check in json.loads(file.read_text()):
            checks[check["status"]] += 1
            if check["status"] in ("FAILURE", "WARNING"):
                told = f"{scenario}: {check['id']}: {check.get('errorMessage', check.get('description'))}"
                problems.append(f"{check['status']} {told}")
    if done.returncode and not problems:
        problems.append(f"the suite ended with {done.returncode}: {(done.stderr or done.stdout)[-500:]}")
    return Outcome(len(found), checks, problems)


@contextmanager
def served(folder: Path, server: Path) -> Iterator[Child]:
    """Run a server with nothing switched on that the suite does not ask for."""
    with running(folder, str(server), MCP_PROMPTS_ENABLED="false", MCP_METRICS_PORT="0") as child:
        yield child


def find_node() -> str:
    """A Node that is new enough: the one on the path, else the one that came with the suite."""
    here = shutil.which("node")
    if here and _version(here) >= NODE:
        return here
    came = MODULES / f"node-linux-{'arm64' if os.uname().machine == 'aarch64' else 'x64'}" / "bin" / "node"
    if came.exists():
        return str(came)
    raise SystemExit(f"the suite needs Node {NODE} or newer, and there is none on the path")


def _version(node: str) -> int:
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.", told)
    return int(found[1]) if found else 0


if __name__ == "__main__":
    sys.exit(main())
