"""How much of a file has documentation."""

from typing import Final

from mcp_server.plugins.code.budget import Budget
from mcp_server.plugins.code.language import FUNCTIONS
from mcp_server.plugins.code.outline import Defined, definitions
from mcp_server.plugins.code.parsing import Parsed
from mcp_server.plugins.code.values import DocCoverage, Undocumented

MOST: Final = 1000
"""The most names of what has no documentation."""

_CONSIDERED: Final = 50_000


def doc_coverage(parsed: Parsed, budget: Budget, *, private: bool) -> DocCoverage:
    """What has documentation and what has not; ``private`` counts what only the file itself uses, too.

    What is defined inside a function is nobody else's and does not count.

    Raises:
        OutOfTime: It takes too long.
    """
    language, source = parsed.language, parsed.source
    total = documented = 0
    missing: list[Undocumented] = []
    if language.module_doc is not None:
        total += 1
        if language.module_doc(parsed.root, source):
            documented += 1
        else:
            missing.append(Undocumented("module", source.path, 1))
    waiting: list[Defined] = list(reversed(definitions(parsed, budget, _CONSIDERED).top))
    while waiting:
        defined = waiting.pop()
        found = defined.found
        if found.local and not private:
            continue
        if found.kind in language.documented:
            total += 1
            if defined.doc:
                documented += 1
            elif len(missing) < MOST:
                missing.append(Undocumented(found.kind, found.name, source.position(found.whole.start_byte)[0]))
        if found.kind not in FUNCTIONS:
            waiting.extend(reversed(defined.children))
    return DocCoverage(total, documented, round(documented / total, 4) if total else 1.0, tuple(missing))
