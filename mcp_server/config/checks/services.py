"""Checks of the services that a server is to use: whether they answer, and what time it is there."""

import time
from collections.abc import Callable
from contextlib import closing
from typing import Final

from mcp_server.config.checks import files
from mcp_server.config.checks.finding import OK, WARNING, WRONG, Finding, Status
from mcp_server.config.masks import address
from mcp_server.config.settings import Settings

SECONDS: Final = 2
"""How long a service may take to answer."""

SKEW: Final = 1.0
"""Seconds that its clock may be away from ours before it shows: limits and lifetimes go by both."""

Asked = tuple[str, float]
"""The version of a service, and its time in seconds since the epoch."""


def redis(settings: Settings) -> list[Finding]:
    """Whether Redis answers."""
    if settings.redis_url is None:
        return [Finding("redis", OK, "not used")]
    return _service("redis", settings.redis_url.get_secret_value(), _ask_redis)


def postgresql(settings: Settings) -> list[Finding]:
    """Whether PostgreSQL answers, or the file can be used that stands in for it."""
    if settings.database_url is None:
        return [Finding("postgresql", OK, "not used")]
    url = settings.database_url.get_secret_value()
    if url.startswith("sqlite:"):
        return [files.database(url)]
    return _service("postgresql", url, _ask_postgresql)


def _service(name: str, url: str, ask: Callable[[str], Asked]) -> list[Finding]:
    setting = {"redis": "redis_url", "postgresql": "database_url"}[name]
    where = address(url)
    began = time.time()
    try:
        version, there = ask(url)
    except ValueError:  # what it says may quote the URL
        return [Finding(name, WRONG, f"{setting} is no URL of a {name}", f"mend {setting}; it reads {where}")]
    except OSError as error:
        remedy = f"start it, or mend {setting} (its user and password, too)"
        return [Finding(name, WRONG, f"{where} does not answer: {error}", remedy)]
    here = (began + time.time()) / 2
    return [Finding(name, OK, f"{where} answers: version {version}"), _clock(name, there - here)]


def _clock(name: str, skew: float) -> Finding:
    found = f"{abs(skew):.3f} s {'ahead of' if skew > 0 else 'behind'} ours"
    status: Status = WRONG if abs(skew) > 10 * SKEW else WARNING if abs(skew) > SKEW else OK
    remedy = "" if status == OK else "let both machines keep time (chrony, systemd-timesyncd)"
    return Finding(f"{name} clock", status, found, remedy)


def _ask_redis(url: str) -> Asked:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    try:
        with closing(
            redis.Redis.from_url(
                url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS, retry=Retry(NoBackoff(), 0)
            )
        ) as client:
            seconds, microseconds = client.time()
            return str(client.info("server")["redis_version"]), seconds + microseconds / 1e6
    except redis.RedisError as error:
        raise OSError(_first_line(error)) from None


def _ask_postgresql(url: str) -> Asked:
    import psycopg

    try:
        with psycopg.connect(url, connect_timeout=SECONDS, autocommit=True) as connection:
            row = connection.execute(
                "SELECT current_setting('server_version'), extract(epoch FROM clock_timestamp())::float8"
            ).fetchone()
    except psycopg.OperationalError as error:
        raise OSError(_first_line(error)) from None
    except psycopg.Error:
        raise ValueError(url) from None
    assert row is not None  # noqa: S101 # a SELECT without FROM has one row
    return str(row[0]), float(row[1])


def _first_line(error: Exception) -> str:
    """What a driver says; neither of them repeats a password there."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
