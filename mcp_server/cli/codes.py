"""Exit codes, the same for every command that reads the past."""

from typing import Final

OK: Final = 0
DIFFERS: Final = 1
USAGE: Final = 2
UNREADABLE: Final = 3
INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141

EPILOG: Final = """\
exit codes:
  0    it worked, and nothing differs
  1    a replay came to another decision, or a call to another result or outcome
  2    an argument is wrong, or names what is not there
  3    the store cannot be read
  130  interrupted
  141  the reader of a pipe left

On a terminal the output is a table; in a pipe one line a row, columns separated by tabs; with --json one JSON object
a line. Control characters in recorded data are always shown escaped. Times are UTC.
"""


class UsageError(Exception):
    """An argument is wrong; the text is one line that names it."""
