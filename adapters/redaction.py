"""Takes secrets out of bytes before they are written: each gives way to a tag that is the same wherever it stands.

Most messages hold nothing of the kind, and a quick look says so; only what it is not sure of is gone through. Both take
time linear in the text.
"""

from collections.abc import Callable

from adapters.redaction_work import Work
from adapters.secret_look import SecretLook
from adapters.secret_names import SecretNames
from adapters.tags import TAG, Tags

Count = Callable[[str], None]


class Redacted:
    """What is left of a text.

    Attributes:
        raw: The text with tags in it.
        secrets: What gave way, as it was.
    """

    __slots__ = ("raw", "secrets")

    def __init__(self, raw: bytes, secrets: frozenset[bytes]) -> None:
        self.raw = raw
        self.secrets = secrets


class Redactor:
    """Takes secrets out.

    Args:
        key: What tags are made with.
        names: Knows secrets by their names.
        count: Told of each value that gave way by its kind: the pattern that it fits, or ``name`` for its name,
            ``known`` for one that the call was made with, ``many`` for a text that gave way as a whole.
    """

    def __init__(self, key: bytes, names: SecretNames, count: Count = lambda _kind: None) -> None:
        self._tags = Tags(key)
        self._look = SecretLook(names)
        self._count = count
        self.may_hold = self._look.may_hold
        self.digest = self._tags.digest

    def tags(self, secret: bytes) -> list[bytes]:
        """All that may stand where ``secret`` was, as it is or as the text with secrets in it that it may be."""
        return list(dict.fromkeys((self._tags.of(secret), *TAG.findall(self.text(secret)))))

    def json(
        self,
        raw: bytes,
        *,
        known: frozenset[bytes] = frozenset(),
        names: frozenset[str] = frozenset(),
        within: str = "",
        by_name: bool = True,
    ) -> "Redacted":
        """Take secrets out of a JSON text; every other byte of it stays as it is.

        Args:
            raw: Valid JSON.
            known: Secrets that are to be found wherever they stand.
            names: Members that are secrets here, below a member called ``within``; in a text in JSON, everywhere.
            within: See there.
            by_name: Whether the names of members say anything.
        """
        work = Work(self._look, self._tags, known, names, within, by_name=by_name)
        found = work.json(raw, 0, inside=False)
        for kind in work.kinds:
            self._count(kind)
        return Redacted(found, frozenset(work.secrets))

    def text(self, raw: bytes, known: frozenset[bytes] = frozenset()) -> bytes:
        """Take secrets out of a text, whatever it is. A text in JSON stays one."""
        work = Work(self._look, self._tags, known)
        found = work.string(raw, 0)
        for kind in work.kinds:
            self._count(kind)
        return found
