from typing import Any

import pytest

from mcp_server.features.docstrings import Doc, read_doc

GOOGLE = """Move a file.

    Both paths are absolute.

    Args:
        source (str): Where it is.
        target: Where it goes,
            on the same disk.
        **options: See elsewhere.

    Returns:
        bytes: How many.

    Raises:
        OSError: It is gone.
    """

NUMPY = """Move a file.

    Both paths are absolute.

    Parameters
    ----------
    source : str
        Where it is.
    target
        Where it goes,
        on the same disk.
    options : dict, optional
        See elsewhere.

    Returns
    -------
    bytes : int
        How many.
    """

REST = """Move a file.

    Both paths are absolute.

    :param str source: Where it is.
    :param target: Where it goes,
        on the same disk.
    :type target: str
    :param options: See elsewhere.
    :returns: How many.
    :raises OSError: It is gone.
    """


def documented(doc: str | None) -> Any:
    def function() -> None: ...

    function.__doc__ = doc
    return function


@pytest.mark.parametrize("doc", [GOOGLE, NUMPY, REST])
def test_all_three_styles_say_the_same(doc: str) -> None:
    assert read_doc(documented(doc)) == Doc(
        "Move a file.\n\nBoth paths are absolute.",
        {"source": "Where it is.", "target": "Where it goes, on the same disk.", "options": "See elsewhere."},
    )


@pytest.mark.parametrize("doc", [None, "", "   \n  "])
def test_no_docstring_says_nothing(doc: str | None) -> None:
    assert read_doc(documented(doc)) == Doc("", {})


def test_a_text_with_colons_is_no_section() -> None:
    doc = "Do it.\n\nWarning signs: none.\nKey: value\n\nReturns nothing at all."
    assert read_doc(documented(doc)) == Doc(doc, {})


def test_a_section_without_entries_and_strange_lines_do_no_harm() -> None:
    doc = "Do it.\n\nArgs:\n\nReturns:\n    x"
    assert read_doc(documented(doc)) == Doc("Do it.", {})
    doc = "Do it.\n\nArgs:\n    not an entry\n        more of it\n    a: Told."
    assert read_doc(documented(doc)) == Doc("Do it.", {"a": "Told."})


def test_types_with_brackets_and_colons_are_no_description() -> None:
    doc = """Do it.

    Args:
        a (dict[str, int], optional): Told: with a colon.
        b (Callable[[int], str]):
            Below.
    """
    assert read_doc(documented(doc)).parameters == {"a": "Told: with a colon.", "b": "Below."}
