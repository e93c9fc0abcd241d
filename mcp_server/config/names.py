"""By which names a setting can be given: in the file, in the environment, on the command line."""

from typing import Final

ALIASES: Final = {"websocket_host": "host", "websocket_port": "port"}
"""Other names of settings, in the file, in the environment and in code."""

BARE: Final = {
    name.upper(): ALIASES.get(name, name)
    for name in (
        "transport_type",
        "websocket_host",
        "websocket_port",
        "log_level",
        "log_file",
        "debug",
        "environment",
        "cache_max_entries",
        "cache_max_memory_mb",
        "memory_monitor_interval",
        "gc_frequency",
        "rate_limit_requests",
        "rate_limit_window",
        "rate_limit_algorithm",
        "advanced_features_enabled",
        "streaming_enabled",
        "batch_operations_enabled",
        "prompts_enabled",
        "database_url",
        "redis_url",
        "jwt_secret_key",
    )
}
"""Variables that count without ``MCP_`` too. Others do not: a HOST or a PORT out there is seldom meant for us."""

OPTIONS: Final = {
    "server": "SERVER",
    "transport_type": "--transport",
    "host": "--host",
    "port": "--port",
    "store": "--store",
    "durability": "--durability",
}
"""What the command line can set, and how it is written there."""

PREFIX: Final = "MCP_"
NESTED: Final = "__"
"""Between a setting and a member of it in the environment: ``MCP_DATABASE__POOL_SIZE``."""


def variables(setting: str) -> tuple[str, ...]:
    """The environment variables that may hold a setting; the first that is there counts."""
    names = (setting, *(alias for alias, name in ALIASES.items() if name == setting))
    bare = (variable for variable, name in BARE.items() if name == setting)
    return (*(f"{PREFIX}{name.upper()}" for name in names), *bare)
