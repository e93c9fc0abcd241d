"""The built-in prompt ``generate_tests``."""

from typing import Final

from mcp_server.prompts.builtin.source import SOURCE, SOURCE_ARGUMENTS
from mcp_server.prompts.template import PromptArgument, PromptTemplate

_PROMPT: Final = (
    """\
Write unit tests for this code that would fail if it were broken, and go on passing when it is only restructured.

"""
    + SOURCE
    + """
Test framework: {framework}
Already covered, or of special interest: {focus}

Before you write, list the behaviours to test, by function:
- the ordinary case
- edges: empty, one, many, the smallest and the largest permitted value and the ones just beyond, duplicates, text that
  is not ASCII
- errors: every error it promises, with what it says and what is left unchanged
- state: order of calls, repetition, what is cleaned up after a failure
- properties that hold for all inputs (a round trip, an order, an invariant), where the framework can generate inputs

Then write the tests:
- One behaviour to a test; its name says what must hold, so that a failure can be understood from the name.
- Arrange, act, assert; assert on results and visible effects, not on which private function was called.
- Exact expected values, worked out from the contract and not copied from what the code returns.
- No sleeping, no network, no dependence on order, time of day, time zone or locale. Inject clocks and randomness.
- Replace only what is slow, costly or beyond your control, at the border of the unit. A small real fake beats a mock.
- Share setup through the framework's own means, and keep a test readable without scrolling.

Where the code seems wrong, write the test for the right behaviour, mark it as expected to fail in the framework's way,
and report it. Never adjust an expectation to a bug.

Leave out: tests of the language or of libraries, of trivial accessors, duplicates of one case with other numbers, and
tests that can only be written by reaching into private parts; name those instead, with what would make them testable.

Answer with:
1. The list of behaviours, each with its test.
2. The test file for {file_path}, complete with imports, ready to run.
3. What is not tested and why, and suspected bugs with the input that shows them.
"""
)

GENERATE_TESTS: Final = PromptTemplate(
    name="generate_tests",
    title="Unit tests",
    description="Write unit tests for code: a list of behaviours, a test file that is ready to run, and what is left "
    "untested and why.",
    prompt=_PROMPT,
    arguments=(
        *SOURCE_ARGUMENTS,
        PromptArgument(
            "framework",
            "Test framework to write for",
            False,
            "the one most used with the language today; name it, with the command that runs the tests",
            ("pytest", "unittest", "jest", "vitest", "mocha", "node:test", "JUnit 5", "go test", "GoogleTest", "Unity"),
        ),
        PromptArgument(
            "focus", "What is covered already, or matters most", False, "nothing stated; cover all public behaviour"
        ),
    ),
    category="testing",
    tags=("tests", "testing", "quality"),
)
