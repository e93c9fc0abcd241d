"""The built-in prompt ``performance_analysis``."""

from typing import Final

from mcp_server.prompts.builtin.source import SOURCE, SOURCE_ARGUMENTS
from mcp_server.prompts.template import PromptArgument, PromptTemplate

_PROMPT: Final = (
    """\
Analyse the performance of this code: where its time and memory go as the load grows, and which change is worth making.

"""
    + SOURCE
    + """
Load: {workload}
Measurements: {measurements}

Work in this order:
1. Name the operations that dominate, and give for each its cost in time and memory as a function of named sizes (n
   items, m bytes). Put in the numbers of the load. Without numbers, say from which size on it would matter.
2. If there are measurements, they come before reasoning: explain them, and say what they do not explain.
3. Look for:
   - work inside a loop that could be done once; searching where a lookup would do; quadratic growth in disguise, such
     as building up strings, inserting at the front, or copying in a loop
   - round trips: queries in a loop, requests one after the other, no batching or pipelining, no reuse of connections
   - waiting: locks held across input or output, blocking calls on an event loop, pools that are too small, no timeout
   - memory: whole inputs held where a stream would do, copies, caches and queues without a bound, leaks
   - what the language makes expensive: boxing, needless conversion, reflection, exceptions as control flow
   - caching that would help: key, lifetime, size, what invalidates it, and what a stale entry would do

For each finding give:
- Impact: high (decides latency, throughput or memory under the load), medium (noticeable), low (only in a tight loop).
- Place: {file_path} with the line or the function.
- Evidence: the measurement, or the calculation with the numbers put in. Mark estimates as estimates.
- Change: the code, its cost afterwards, and what it gives up in memory, simplicity, freshness or ordering.
- Check: the benchmark or profile that would confirm the gain, with a realistic input and what to compare.

Leave out: micro-optimisations without a measurable effect, advice that fits any program, rewrites in another language,
and anything that changes results. Do not quote a speed-up that was not measured. If nothing here can matter under the
load, say so and name where to measure instead.

Answer with a summary of three sentences (what dominates, what to do first, what to measure), then the findings by
impact, then the limits of this analysis.
"""
)

PERFORMANCE_ANALYSIS: Final = PromptTemplate(
    name="performance_analysis",
    title="Performance analysis",
    description="Find where code spends time and memory under a load: findings with costs, evidence, the change and "
    "how to confirm the gain.",
    prompt=_PROMPT,
    arguments=(
        *SOURCE_ARGUMENTS,
        PromptArgument(
            "workload", "Sizes, rates and limits that it must cope with", False, "not stated; say what you assume"
        ),
        PromptArgument("measurements", "Profiles, timings or traces, if there are any", False, "none"),
    ),
    category="code_analysis",
    tags=("performance", "optimization", "profiling"),
)
