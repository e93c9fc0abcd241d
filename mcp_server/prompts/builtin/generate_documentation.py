"""The built-in prompt ``generate_documentation``."""

from typing import Final

from mcp_server.prompts.builtin.source import SOURCE, SOURCE_ARGUMENTS
from mcp_server.prompts.template import PromptArgument, PromptTemplate

_PROMPT: Final = (
    """\
Write the documentation of this code. Its reader has a task to do and should not have to read the code for it.

"""
    + SOURCE
    + """
Reader: {audience}
Form: {style}

For the whole file or module: one sentence on what it is for, then what a reader must know before using it, such as the
order of calls, ownership, threads, and configuration.

For each public function, method, class, constant and command:
- a first sentence that says what it does for its caller, not how it does it
- parameters and results: meaning, unit, permitted range, default, and what an empty or missing value means
- errors: which are raised or returned, when, and what the caller can do
- side effects: files, network, state that changes, locks that are held
- limits worth knowing: cost in time or memory, safety under concurrency, size bounds
- a short example for whatever is not obvious from its signature; it must run as it stands

Rules:
- Everything you state must follow from the code. Where the code leaves something open, write "TO CONFIRM:" and the
  question instead of a guess.
- Where a comment or docstring contradicts the code, describe the code, and list the contradiction at the end.
- Keep the existing terms and the docstring convention of the file. Prefer short sentences in the present tense.

Leave out: what a signature already says, private helpers, the history of the code, adjectives such as "powerful" or
"simple", and line-by-line narration.

Give the documentation first, ready to be pasted. Then, under "Remarks", the contradictions, the open questions, and
names that no documentation can make clear.
"""
)

GENERATE_DOCUMENTATION: Final = PromptTemplate(
    name="generate_documentation",
    title="Documentation",
    description="Write documentation for code: purpose, parameters with units and ranges, errors, side effects and "
    "examples; only what the code supports.",
    prompt=_PROMPT,
    arguments=(
        *SOURCE_ARGUMENTS,
        PromptArgument(
            "audience",
            "Who will read it",
            False,
            "a developer who calls this code and knows the language",
            ("callers of the API", "maintainers", "operators", "newcomers to the project"),
        ),
        PromptArgument(
            "style",
            "Form of the documentation",
            False,
            "docstrings or doc comments in the convention that is usual for the language",
            (
                "docstrings",
                "Google-style docstrings",
                "reStructuredText",
                "JSDoc",
                "Doxygen",
                "Markdown page",
                "README",
            ),
        ),
    ),
    category="documentation",
    tags=("documentation", "docs", "api"),
)
