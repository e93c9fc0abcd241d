"""Where a database is, told without its password."""

from typing import Final, Literal
from urllib.parse import parse_qs, quote, unquote, urlsplit

_POSTGRES: Final = frozenset({"postgresql", "postgres"})
_HINT: Final = "write postgresql://user:password@host:5432/name, or sqlite:/// and a path"


class DatabaseUrl:
    """A database's URL. As text it has no password.

    Args:
        url: ``postgresql://user:password@host:port/name?options`` as libpq reads it, or ``sqlite:///relative/path`` or
            ``sqlite:////absolute/path``, with SQLite's own options after a question mark (``?mode=ro``).

    Raises:
        ValueError: It is neither; says what it may be.

    Attributes:
        kind: What answers there.
        secret: The whole URL, password and all.
    """

    __slots__ = ("_parts", "kind", "secret")

    def __init__(self, url: str) -> None:
        scheme, separator, rest = url.partition("://")
        self.kind: Literal["postgresql", "sqlite"]
        self.secret = url
        if not separator or scheme not in (*_POSTGRES, "sqlite"):
            named = f"one of {scheme!r}" if separator and scheme.replace("+", "").isalnum() else "what was given"
            raise ValueError(f"a database URL is wanted, and {named} is none that is understood: {_HINT}")
        self.kind = "sqlite" if scheme == "sqlite" else "postgresql"
        try:
            self._parts = urlsplit(url)
        except ValueError:
            broken = True
        else:
            # What follows an unescaped slash of a password would be taken for a host or a name, and shown.
            broken = "@" in rest.removeprefix(self._parts.netloc) and self.kind == "postgresql"
        if broken:
            raise ValueError("the database URL cannot be read: percent-encode special characters, such as / as %2F")
        if self.kind == "sqlite":
            self._check_file()

    def __str__(self) -> str:
        """The URL without password and options."""
        if self.kind == "sqlite":
            return self.secret.partition("?")[0]
        who, _, where = self._parts.netloc.rpartition("@")
        user = who.partition(":")[0]
        return f"postgresql://{user}{'@' if user else ''}{where}{self._parts.path}"

    def __repr__(self) -> str:
        return f"DatabaseUrl({str(self)!r})"

    @property
    def path(self) -> str:
        """The file of an SQLite database."""
        return self.secret.partition(":///")[2].partition("?")[0]

    @property
    def read_only(self) -> bool:
        """Whether an SQLite database is to be opened for reading alone."""
        return "ro" in parse_qs(self._parts.query).get("mode", ())

    @property
    def sqlite_uri(self) -> str:
        """The same as SQLite's own URI (https://sqlite.org/uri.html)."""
        _, mark, options = self.secret.partition("?")
        return f"file:{quote(self.path)}{mark}{options}"

    def scrub(self, text: str) -> str:
        """``text`` with the password blotted out, should it be in there."""
        secrets = {self.secret, *self._passwords()}
        for secret in sorted(secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text

    def _passwords(self) -> set[str]:
        raw = self._parts.netloc.rpartition("@")[0].partition(":")[2]
        options = parse_qs(self._parts.query)
        given = {raw, *options.get("password", ()), *options.get("sslpassword", ())}
        return {form for each in given for form in (each, unquote(each)) if form}

    def _check_file(self) -> None:
        if self._parts.netloc or not self.path:
            raise ValueError("that SQLite URL names no file: write sqlite:///relative/path or sqlite:////absolute/path")
        if self.path == ":memory:" or "mode=memory" in self.secret:
            raise ValueError("an SQLite database in memory cannot be pooled, each connection has its own: name a file")
