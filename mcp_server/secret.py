"""The secret that a server seals texts with: the one it is given, or one of its own beside its log."""

from pathlib import Path

from adapters.keys import Keys, NoSecret, new_secret, secret_in
from mcp_server.config import Settings, SettingsError
from mcp_server.stores import MEMORY, sqlite_path


def keys_of(settings: Settings) -> Keys:
    """The keys of the server with these settings: the same after a restart, unless its log is in memory.

    Raises:
        SettingsError: The file that is to hold its secret cannot be used.
    """
    if settings.secret_key is not None:
        return Keys(settings.secret_key.get_secret_value().encode())
    if settings.store == MEMORY:
        return Keys(new_secret())
    file = secret_file(settings.store)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        return Keys(secret_in(file))
    except OSError as error:
        raise SettingsError(f"secret_key: the folder {file.parent} cannot be made: {error.strerror}") from error
    except NoSecret as error:
        raise SettingsError(f"secret_key: {error}") from error


def secret_file(store: str) -> Path:
    """Where the secret of a server is kept that was given none."""
    path = sqlite_path(store)
    return path.with_name(f"{path.name}.key")
