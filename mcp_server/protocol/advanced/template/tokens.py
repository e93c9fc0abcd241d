"""Text cut into the tokens of the ``template`` model."""

import re
from typing import Final

_TOKEN: Final = re.compile(r"\n[ \t]*| ?\w+| ?[^\w\s]|\s")

END: Final = ""
"""The token that ends a text."""


def tokens_of(text: str) -> list[str]:
    """The tokens of ``text``: a word or a sign with the space before it, or a line break with its indentation.

    Joined, they are the text again.
    """
    return _TOKEN.findall(text)
