"""``python -m soak``: run the campaigns, and say what they found."""

import argparse
import random
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

import uvloop
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from soak.campaign import Campaign, Outcome, Setting
from soak.faults import FAULTS
from soak.frames import FRAMES
from soak.kills import KILLS
from soak.memory import MEMORY
from soak.plugins import PLUGINS
from soak.prometheus import PROMETHEUS
from soak.readers import READERS
from soak.replays import REPLAYS
from soak.secrets import SECRETS

CAMPAIGNS = (KILLS, FRAMES, FAULTS, REPLAYS, MEMORY, READERS, PLUGINS, PROMETHEUS, SECRETS)


def main() -> int:
    arguments = _arguments()
    raise_file_limit()
    seed = random.SystemRandom().randrange(1 << 32) if arguments.seed is None else arguments.seed
    shown = Console(width=None if sys.stdout.isatty() else 110)
    shown.print(f"seed {seed}", highlight=False)
    holds = True
    for campaign in CAMPAIGNS:
        if arguments.only and campaign.name not in arguments.only:
            continue
        began = time.monotonic()
        outcome, kept = _run(campaign, arguments, seed)
        _show(shown, campaign, outcome, seed, time.monotonic() - began)
        if kept is not None:
            shown.print(f"What was left behind is in {kept}", highlight=False)
        holds = holds and outcome.holds
    return 0 if holds else 1


def raise_file_limit() -> None:
    """Allow as many open connections as the system lets this user have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m soak", description=__doc__)
    names = [campaign.name for campaign in CAMPAIGNS]
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=f"some of {', '.join(names)}")
    parser.add_argument("--seed", type=int, help="what chance follows from; one is made up and printed otherwise")
    parser.add_argument("--count", type=int, help="how much to do, in place of each campaign's own number")
    parser.add_argument("--short", action="store_true", help="a few seconds each, as in the tests")
    arguments = parser.parse_args()
    if arguments.count is not None and arguments.count < 1:
        parser.error("--count must be at least 1")
    return arguments


def _run(campaign: Campaign, arguments: argparse.Namespace, seed: int) -> tuple[Outcome, Path | None]:
    """Run a campaign in a folder of its own; the folder is kept when something was broken."""
    count = arguments.count or (campaign.short if arguments.short else campaign.full)
    scratch = Path(tempfile.mkdtemp(prefix=f"soak-{campaign.name}-"))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.fields[words]}"), console=Console(stderr=True)) as progress:
        task = progress.add_task(campaign.name, total=count, words="")

        def tell(done: int, words: str) -> None:
            progress.update(task, completed=done, words=words)

        setting = Setting(seed=seed, count=count, short=arguments.short, scratch=scratch, tell=tell)
        outcome = uvloop.run(campaign.run(setting))
        progress.update(task, completed=count, words="")
    if outcome.holds:
        shutil.rmtree(scratch)
        return outcome, None
    return outcome, scratch


def _show(shown: Console, campaign: Campaign, outcome: Outcome, seed: int, seconds: float) -> None:
    verdict = "[green]holds[/]" if outcome.holds else f"[bold red]{outcome.broken} broken[/]"
    table = Table(title=f"{campaign.name}: {verdict}, seed {seed}, {seconds:.0f} s", title_justify="left")
    table.add_column("what")
    table.add_column("how much", justify="right")
    for name, value in outcome.counts.items():
        table.add_row(name, f"{value:,}" if isinstance(value, int | float) else escape(value))
    for control in outcome.controls:
        table.add_row(f"control: {control.name}", "noticed" if control.caught else "[bold red]NOT NOTICED[/]")
    shown.print(table)
    for control in outcome.controls:
        shown.print(f"control: {control.name}: {control.words}", highlight=False, markup=False, soft_wrap=True)
    for words in outcome.notes:
        shown.print(words, highlight=False, markup=False, soft_wrap=True)
    for words in outcome.violations:
        shown.print(words, style="red", highlight=False, markup=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
