"""The prompts that come with the server."""

from typing import Final

from mcp_server.prompts.builtin.bug_analysis import BUG_ANALYSIS
from mcp_server.prompts.builtin.code_review import CODE_REVIEW
from mcp_server.prompts.builtin.generate_documentation import GENERATE_DOCUMENTATION
from mcp_server.prompts.builtin.generate_tests import GENERATE_TESTS
from mcp_server.prompts.builtin.performance_analysis import PERFORMANCE_ANALYSIS
from mcp_server.prompts.builtin.refactor_suggestions import REFACTOR_SUGGESTIONS
from mcp_server.prompts.template import PromptTemplate

BUILT_IN: Final[tuple[PromptTemplate, ...]] = (
    CODE_REVIEW,
    REFACTOR_SUGGESTIONS,
    GENERATE_DOCUMENTATION,
    BUG_ANALYSIS,
    GENERATE_TESTS,
    PERFORMANCE_ANALYSIS,
)
