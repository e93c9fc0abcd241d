"""The built-in prompt ``code_review``."""

from typing import Final

from mcp_server.prompts.builtin.source import SOURCE, SOURCE_ARGUMENTS
from mcp_server.prompts.template import PromptArgument, PromptTemplate

_PROMPT: Final = (
    """\
Review this code as the engineer who will have to maintain it. Find what would cause harm if it were merged as it is,
show why, and say what to change.

"""
    + SOURCE
    + """
What the code is for: {context}
Pay particular attention to: {focus}

Work in this order:
1. Say in one or two sentences what the code does and what it promises its callers. Judge it against that.
2. Correctness: edge values (empty, zero, negative, very large, duplicate, missing), error paths, concurrency,
   cancellation, and what is left behind when it stops half way.
3. Security: input that an attacker controls, followed to where it is used (queries, commands, paths, templates,
   deserialisation), authorisation, secrets in code and logs.
4. Resources: what is opened and not closed, what grows without a bound, what waits without a timeout.
5. Interface and readability: names that mislead, contracts that are unclear, duplication that will drift apart,
   behaviour that no test could reach.

For each finding give:
- Severity: blocker (data loss, security hole, crash or wrong result in ordinary use), major (wrong in a case that will
  occur), minor (costs time later).
- Place: {file_path} with the line or the function.
- Evidence: the input or sequence of events that goes wrong, and what happens then. Quote the line it rests on.
- Change: the smallest one that mends it, as code where that is clearer than words.
- Confidence: certain, likely, or "to check", and then what to check.

Leave out: praise, a retelling of the code, formatting and anything else that a formatter or linter settles, matters of
taste, and findings for which you cannot name a case that goes wrong. Mention a problem that repeats once, with all
its places. Five findings that hold are worth more than twenty that might.

Answer in this form:
1. Verdict: "merge", "merge after changes" or "do not merge", with the reason in one sentence.
2. Findings, the most severe first. If there are none, say so, and say what you looked for.
3. Open questions for the author, only those whose answers would change the verdict.
"""
)

CODE_REVIEW: Final = PromptTemplate(
    name="code_review",
    title="Code review",
    description="Review code for correctness, security, resources and clarity: findings with severity and evidence, "
    "the worst first, and a verdict.",
    prompt=_PROMPT,
    arguments=(
        *SOURCE_ARGUMENTS,
        PromptArgument("context", "What the code or the change is for", False, "not stated; infer it from the code"),
        PromptArgument(
            "focus",
            "What to look at above all",
            False,
            "whatever would do the most harm",
            ("correctness", "security", "concurrency", "error handling", "API design", "readability"),
        ),
    ),
    category="code_analysis",
    tags=("review", "quality", "security"),
)
