"""The built-in prompt ``refactor_suggestions``."""

from typing import Final

from mcp_server.prompts.builtin.source import SOURCE, SOURCE_ARGUMENTS
from mcp_server.prompts.template import PromptArgument, PromptTemplate

_PROMPT: Final = (
    """\
Suggest how to restructure this code without changing what it does. Each suggestion must make a change that somebody
will have to make easier or safer.

"""
    + SOURCE
    + """
Aim: {goal}
Must stay as it is: {constraints}

First write down the behaviour that callers can observe: results, errors, side effects and their order. A suggestion
that alters any of it is no refactoring: leave it out, or name it separately as a change of behaviour.

Then look for:
- functions that do several things, or one thing at several levels of detail
- the same knowledge in several places
- state that is shared or changed further away than need be
- conditions that a type, a table or a smaller interface would make unnecessary
- names that do not say what a thing is
- dependencies that make the code hard to test on its own
- code that nothing reaches, and indirection that nothing needs

For each suggestion give:
- Place: {file_path} with the lines or the function.
- Problem: what it costs today, with the line that shows it.
- Step: one named refactoring, small enough for a commit of its own, with the code before and after.
- Benefit: which future change becomes easier, or which mistake becomes impossible.
- Risk: low, medium or high; what could break, and which test would notice.

Order them so that each step leaves working code, the best ratio of benefit to risk first. Say where tests are needed
before a step is safe.

Leave out: rewrites from scratch, patterns for needs that do not exist yet, new dependencies, renaming for taste, and
speed unless the aim names it. If the code is good enough as it is, say so and stop; at most seven suggestions.
"""
)

REFACTOR_SUGGESTIONS: Final = PromptTemplate(
    name="refactor_suggestions",
    title="Refactoring suggestions",
    description="Suggest small steps that make code easier to change and keep what it does: each with its cost today, "
    "the code before and after, and the risk.",
    prompt=_PROMPT,
    arguments=(
        *SOURCE_ARGUMENTS,
        PromptArgument(
            "goal",
            "What is to become easier",
            False,
            "easier to understand, to test and to change",
            ("easier to test", "easier to extend", "smaller functions", "less duplication", "clearer names"),
        ),
        PromptArgument(
            "constraints", "What must not change", False, "the public interface and all observable behaviour"
        ),
    ),
    category="refactoring",
    tags=("refactoring", "design", "maintainability"),
)
