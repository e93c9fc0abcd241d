"""What makes the log's writer meet a broken disk: a preloaded library, or where there is no compiler a size limit."""

import errno
import math
import random
import shutil
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

SOURCE: Final = Path(__file__).with_name("shim.c")
SHORT: Final = 0
"""In place of an error's number: half of what was to be written is written."""

_NAMES: Final = {errno.EIO: "EIO", errno.ENOSPC: "ENOSPC", errno.EFBIG: "EFBIG", SHORT: "short write"}
_MOST: Final = {"write": 900, "sync": 100}
"""Of so many calls one comes within the time that a server is under load."""


class Fault(NamedTuple):
    """One thing that goes wrong.

    Attributes:
        calls: ``write`` or ``sync``.
        number: Which of the calls that count is the first to fail.
        error: The error's number, or SHORT.
        always: Whether all calls after it fail too.
        suffix: Which file: ``-wal``, ``.`` for the database itself, ``*`` for all of them.
        file_bytes: The size limit that stands in for all of this; 0 with a compiler.
    """

    calls: str
    number: int
    error: int
    always: bool
    suffix: str
    file_bytes: int = 0

    def __str__(self) -> str:
        if self.file_bytes:
            return f"no file above {self.file_bytes} bytes"
        file = {"*": "any file", ".": "the database"}.get(self.suffix, self.suffix)
        return f"{_NAMES[self.error]} at {self.calls} {self.number} of {file}{', and ever after' * self.always}"

    @property
    def kind(self) -> str:
        """For the table."""
        return f"{self.calls} {_NAMES[self.error]}"

    @property
    def may_be_absorbed(self) -> bool:
        """A single short write is no error: whoever writes goes on with the rest."""
        return self.error == SHORT and not self.always


def find_compiler() -> str | None:
    """The C compiler of this machine; None when there is none."""
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


class Breaker:
    """Makes faults up, and makes them happen.

    Attributes:
        library: The compiled shim; None when there is no compiler.
    """

    def __init__(self, folder: Path, compiler: str | None) -> None:
        self.library: Path | None = None
        self._fired = folder / "fired"
        if compiler is not None:
            self.library = folder / "shim.so"
            command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(self.library), str(SOURCE), "-ldl"]
            subprocess.run(command, check=True, capture_output=True)

    def any_fault(self, chance: random.Random) -> Fault:
        """A fault that strikes at start-up, under load, or while the server leaves."""
        if self.library is None:
            return Fault("write", 1, errno.EFBIG, True, "*", chance.randint(48, 900) * 1024)
        calls = chance.choices(("write", "sync"), (6, 4))[0]
        suffix = chance.choices(("*", "-wal", "."), (6, 2, 2))[0]
        # The first few calls are those of start-up, and of the checkpoint at the end.
        least, most = (1, 12) if suffix == "." or chance.random() < 0.25 else (8, _MOST[calls])
        number = round(math.exp(chance.uniform(math.log(least), math.log(most))))
        errors = (errno.EIO, errno.ENOSPC, SHORT) if calls == "write" else (errno.EIO, errno.ENOSPC)
        return Fault(calls, number, chance.choice(errors), chance.random() < 0.5, suffix)

    def environment(self, fault: Fault, store: Path) -> dict[str, str]:
        """What the server must be given for the fault to strike its writer."""
        self._fired.unlink(missing_ok=True)
        if self.library is None:
            return {}
        mode = "always" if fault.always else "once"
        return {
            "LD_PRELOAD": str(self.library),
            "SOAK_FAULT": f"{fault.calls}:{fault.number}:{fault.error}:{mode}:{fault.suffix}",
            "SOAK_STORE": str(store),
            "SOAK_FIRED": str(self._fired),
        }

    def struck(self) -> bool:
        """Whether the fault has struck; without the shim nobody can tell but by what became of the server."""
        return self._fired.exists()
