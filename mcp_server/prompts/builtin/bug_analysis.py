"""The built-in prompt ``bug_analysis``."""

from typing import Final

from mcp_server.prompts.builtin.source import SOURCE, SOURCE_ARGUMENTS
from mcp_server.prompts.template import PromptArgument, PromptTemplate

_PROMPT: Final = (
    """\
Find the bugs in this code and prove each one. A bug is a case in which the code does something other than what it
promises; code that is merely ugly is none.

"""
    + SOURCE
    + """
What was observed: {symptoms}
What should happen: {expected}

Method:
1. Write down what must hold: what each function promises, what it relies on, what stays true between calls.
2. If something was observed, list the explanations that the code allows, and for each what else one would see if it
   were true. Rule out what contradicts the observation before you settle on a cause.
3. Go through the code with values that break assumptions: none, one, many; zero, negative, the largest; duplicates;
   wrong order; text that is not ASCII; time zones and clock changes; a failure at each call that can fail.
4. Consider interleavings: two callers at once, a callback during an update, cancellation, a retry after half the work.
5. Trace every candidate by hand to its wrong result. Drop it when you cannot.

For each bug give:
- Title: the failure in one line, from its user's point of view.
- Severity: critical (loses or exposes data, or stops the service), high (wrong results in ordinary use), medium
  (wrong in rare cases), low (inconvenient).
- Place: {file_path} with the line; the cause, not where it shows.
- Evidence: a concrete input or sequence, and step by step how it leads to the wrong result.
- Reproduction: the smallest test that fails now.
- Fix: the smallest change to the cause, and what it could affect elsewhere.
- Confidence: proven, or suspected, and then which log line, value or experiment would decide.

Leave out: style, refactoring, missing features, and warnings without a failing case. Do not patch symptoms: a check
that hides a wrong value is no fix. If you find no bug, say which cases you traced; do not invent one.

List the bugs by severity. If something was observed, begin with the one that explains it, or say that none does and
what you would need to see.
"""
)

BUG_ANALYSIS: Final = PromptTemplate(
    name="bug_analysis",
    title="Bug analysis",
    description="Find bugs in code, or the cause of one that was observed: each with a failing case, a reproduction, "
    "the smallest fix and how sure it is.",
    prompt=_PROMPT,
    arguments=(
        *SOURCE_ARGUMENTS,
        PromptArgument(
            "symptoms", "What goes wrong: message, traceback, wrong output", False, "nothing in particular yet"
        ),
        PromptArgument("expected", "What should happen instead", False, "not stated; infer it from names and comments"),
    ),
    category="code_analysis",
    tags=("bugs", "debugging", "correctness"),
)
