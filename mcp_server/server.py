"""A server with its settings, served from code; and ``python -m mcp_server.server``, the same as ``mcp-rewind serve``.

::

    server = MCPServer("config/production.json")
    server.settings.port = 9000
    await server.start()
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mcp_server.config import Settings, SettingsError, read_settings
from mcp_server.features import server as features
from mcp_server.loader import load
from mcp_server.offering import offered

if TYPE_CHECKING:
    from mcp_server.config.given import Given

NAME: Final = "mcp-rewind"


class MCPServer(features.MCPServer):
    """A server that knows its settings: whoever makes it may change them, and :meth:`start` serves.

    Everything else is as in :class:`mcp_server.MCPServer`. When nothing is added to it, it serves what its ``server``
    setting names, or the built-in server, as the command does.

    Attributes:
        settings: From the file, then from this process's environment. They can be set until the server is started; a
            value that is wrong raises :class:`mcp_server.config.SettingsError`.
    """

    settings: "Given"

    def __init__(
        self,
        name: str | os.PathLike[str] = NAME,
        version: str = "0.1.0",
        *,
        config: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> None:
        """Describe the server, and read its settings.

        Args:
            name: What programs call it. A path, or a text that ends in ``.json``, is a file of settings instead,
                whether it is there or not; the server is then called ``mcp-rewind``.
            version: Of your server.
            config: A file of settings, for a server that has a name.
            **options: As for :class:`mcp_server.MCPServer`.

        Raises:
            SettingsError: A setting is wrong, or the file cannot be read.
        """
        if not isinstance(name, str) or name.endswith(".json"):
            if config is not None:
                raise TypeError(f"two files of settings: {os.fspath(name)} and {os.fspath(config)}")
            name, config = NAME, name
        super().__init__(name, version, **options)
        self.settings = read_settings(None if config is None else Path(config), os.environ, {}).given
        self._serving: asyncio.Task[None] | None = None
        self._reached: asyncio.Future[int] | None = None
        self._stopped = False

    async def start(self) -> None:
        """Serve until :meth:`stop`, SIGINT or SIGTERM, or the end of standard input on stdio.

        Log lines go where the settings say, unless the program has set up logging before.

        Raises:
            RuntimeError: It is started already.
            SettingsError: Two settings do not go together, or the log file cannot be written.
            LoadError: The ``server`` setting names none.
            StoreError: The ``store`` setting names none.
            LogFailed: The event log cannot be opened, or has failed.
            CannotListen: The port cannot be opened.
        """
        if self._serving is not None:
            raise RuntimeError(f"{self!r} is started already")
        self.settings.fix("while the server runs")
        self._stopped = False
        self._serving = asyncio.get_running_loop().create_task(self._serve())
        try:
            await self._serving
        except asyncio.CancelledError:
            if not self._stopped:  # then it was our caller who was cancelled
                raise
        finally:
            self._serving = None
            self.settings.fix("")

    async def ready(self) -> int:
        """Wait until the server can be reached; for whoever starts it as a task.

        Returns:
            Its port; 0 on stdio.

        Raises:
            RuntimeError: It ended before; its cause is what :meth:`start` raises.
        """
        return await asyncio.shield(self._will_be_reached())

    async def stop(self) -> None:
        """Let calls finish, as long as ``drain_timeout`` allows, and wait until all is written down."""
        if self._serving is not None:
            self._stopped = True
            self._serving.cancel()
            await asyncio.wait({self._serving})

    async def _serve(self) -> None:
        from mcp_server.serving import serve

        reached, problem = self._will_be_reached(), None
        try:
            settings = self.settings.settled()
            _log_to(settings)
            offer = offered(settings, self if self._offers() else named_server(settings))
            with _standard_output(settings) as sink:
                if settings.transport_type == "stdio":
                    reached.set_result(0)
                await serve(settings, offer, reached.set_result, sink)
        except Exception as error:
            problem = error
            raise
        finally:
            self._reached = None
            if not reached.done():
                early = RuntimeError(f"{self!r} ended before it could be reached")
                early.__cause__ = problem
                reached.set_exception(early)
                reached.exception()  # whoever waits is told; that nobody does is no mistake
            for number in (signal.SIGINT, signal.SIGTERM):  # the program goes on, and these are its own again
                asyncio.get_running_loop().remove_signal_handler(number)

    def _will_be_reached(self) -> "asyncio.Future[int]":
        if self._reached is None:
            self._reached = asyncio.get_running_loop().create_future()
        return self._reached

    def _offers(self) -> bool:
        offer = self._offer
        return bool(offer.tools or offer.resources or offer.templates or offer.prompts)


def named_server(settings: Settings) -> features.MCPServer:
    """What the ``server`` setting names: the built-in server when it is empty.

    Raises:
        LoadError: There is no such server.
    """
    if settings.server:
        return load(settings.server)
    from mcp_server.builtin import server

    return server


def _log_to(settings: Settings) -> None:
    if logging.getLogger().handlers:
        return
    from mcp_server.logs import configure

    try:
        configure("DEBUG" if settings.debug else settings.log_level, settings.log_file)
    except OSError as error:
        raise SettingsError(f"log_file {settings.log_file!r} cannot be written: {error.strerror}") from error


@contextmanager
def _standard_output(settings: Settings) -> Iterator[int]:
    """The descriptor for messages. On stdio it is theirs alone: what anyone prints goes to standard error instead."""
    if settings.transport_type != "stdio":
        yield 1
        return
    sys.stdout.flush()
    sink = os.dup(1)
    os.dup2(2, 1)
    try:
        yield sink
    finally:
        os.dup2(sink, 1)
        os.close(sink)


if __name__ == "__main__":
    from mcp_server.cli import main

    sys.exit(main(["serve", *sys.argv[1:]]))
