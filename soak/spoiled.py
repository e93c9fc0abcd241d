"""Ways to spoil the answers about a file, each of which must be noticed."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any, Final, NamedTuple

from soak.agreement import Lines, disagreements
from soak.campaign import Control


class Sample(NamedTuple):
    """The answers about one file, and the name that was looked for in it."""

    path: str
    asked: str
    answers: dict[str, Any]


def _outline_past_the_end(answers: Any) -> None:
    answers["outline"]["symbols"][0]["end_line"] += 100_000


def _outline_elsewhere(answers: Any) -> None:
    answers["outline"]["symbols"][0]["name"] = "no_such_name"


def _errors_untold(answers: Any) -> None:
    answers["outline"]["has_errors"] = not answers["outline"]["has_errors"]


def _a_line_too_many(answers: Any) -> None:
    answers["metrics"]["lines"] += 1


def _a_blank_line_too_many(answers: Any) -> None:
    answers["metrics"]["blank"] += 1
    answers["metrics"]["code"] -= 1


def _too_well_documented(answers: Any) -> None:
    answers["doc_coverage"]["documented"] += 1


def _imports_of_two(answers: Any) -> None:
    answers["imports"]["files"] += 1


def _captured_elsewhere(answers: Any) -> None:
    answers["query"]["matches"][0]["captures"][0]["column"] += 1


def _defined_elsewhere(answers: Any) -> None:
    answers["definition"]["places"][0]["column"] += 1


def _nowhere_defined(answers: Any) -> None:
    answers["definition"]["places"] = []


def _nowhere_used(answers: Any) -> None:
    answers["references"] = {**answers["references"], "places": [], "truncated": ""}


SPOILED: Final[tuple[Callable[[Any], None], ...]] = (
    _outline_past_the_end,
    _outline_elsewhere,
    _errors_untold,
    _a_line_too_many,
    _a_blank_line_too_many,
    _too_well_documented,
    _imports_of_two,
    _captured_elsewhere,
    _defined_elsewhere,
    _nowhere_defined,
    _nowhere_used,
)


def noticed(lines_of: Lines, sample: Sample | None) -> Control:
    """Whether each way to spoil the answers about a file is noticed, and the answers themselves are right."""
    if sample is None:
        return Control("wrong answers", caught=False, words="no file had all answers")
    path, asked, answers = sample
    missed = [] if not any(disagreements(path, lines_of, asked, answers)) else ["the right ones"]
    for spoil in SPOILED:
        wrong = deepcopy(answers)
        spoil(wrong)
        if not any(disagreements(path, lines_of, asked, wrong)):
            missed.append(spoil.__name__.strip("_").replace("_", " "))
    words = f"{len(SPOILED)} kinds, about {path}" + (f"; judged wrongly: {', '.join(missed)}" if missed else "")
    return Control("wrong answers", not missed, words)
