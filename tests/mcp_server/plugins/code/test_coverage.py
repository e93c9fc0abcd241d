from mcp_server.plugins.code.coverage import doc_coverage
from mcp_server.plugins.code.language import Language
from tests.mcp_server.plugins.samples import JS, PYTHON, C, budget, parsed


def missing(language: Language, code: str, *, private: bool = False) -> tuple[int, int, list[str]]:
    """How much could have documentation, how much has, and what has none."""
    found = doc_coverage(parsed(language, code), budget(), private=private)
    assert found.ratio == (round(found.documented / found.total, 4) if found.total else 1.0)
    return found.total, found.documented, [f"{each.kind} {each.name} {each.line}".strip() for each in found.missing]


PYTHON_CODE = '''
X = 1
class A:
    """Told."""
    def told(self):
        "Told."
        def inner(): pass
    def untold(self): pass
    def _private(self): pass
    class Inner:
        def deep(self): pass
class _Hidden:
    def method(self): "Told."
def f(): pass
'''


def test_docstrings_of_what_others_use_are_counted() -> None:
    expected = ["module  1", "method untold 8", "class Inner 10", "method deep 11", "function f 14"]
    assert missing(PYTHON, PYTHON_CODE) == (7, 2, expected)


def test_what_only_the_file_uses_is_counted_on_request() -> None:
    total, documented, _ = missing(PYTHON, PYTHON_CODE, private=True)
    assert (total, documented) == (10, 3)


def test_a_module_of_nothing_but_a_docstring_is_documented() -> None:
    assert missing(PYTHON, '# -*- coding: utf-8 -*-\n"""Told."""') == (1, 1, [])


def test_comments_before_javascript_are_counted() -> None:
    code = "/** Told. */\nexport function a() {}\n\nfunction b() {}\n// Told.\nclass C {\n  m() {}\n  #no() {}\n}"
    assert missing(JS, code) == (4, 2, ["function b 4", "method m 7"])


def test_comments_before_c_are_counted() -> None:
    functions = "/* Told. */\nint a(void);\nint b(void) {}\nstatic int c(void) {}"
    code = f"{functions}\n#define D 1\n/// Told.\nstruct e {{ int f; }};\nint g;"
    assert missing(C, code) == (4, 2, ["function b 3", "macro D 5"])


def test_a_comment_that_a_blank_line_separates_documents_nothing() -> None:
    assert missing(C, "/* Licence. */\n\nint a(void);") == (1, 0, ["prototype a 3"])


def test_nothing_to_document_is_all_documented() -> None:
    assert missing(JS, "x = 1") == (0, 0, [])
