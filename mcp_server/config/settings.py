"""What a running server goes by: all settings, settled."""

from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

from mcp_server.config.errors import SettingsError
from mcp_server.effects import Durability
from operators.access import AccessRule, Otherwise
from operators.policy import Limit

if TYPE_CHECKING:
    from pydantic import SecretStr  # takes time to import; whoever sets a secret has it

Transport = Literal["websocket", "http", "stdio"]
WhenAway = Literal["local", "fail_closed"]
Level = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]

KEY_BYTES: Final = 32
"""The fewest bytes of a key for HS256. Source: RFC 7518, section 3.2."""


class Database(Struct, frozen=True, kw_only=True):
    """How many connections to PostgreSQL there may be.

    Attributes:
        pool_size: Connections that are kept open.
        max_overflow: How many more may be opened while all of them are in use.
        pool_timeout: Seconds that a caller waits for one; then it gets an error.
    """

    pool_size: int = 5
    max_overflow: int = 15
    pool_timeout: float = 30.0


class CompletionModel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model behind an OpenAI-compatible endpoint, offered to ``completion/generate``.

    Attributes:
        name: What clients call it.
        base_url: Where the endpoint is, with its version: ``http://localhost:8000/v1``. It holds no password.
        model: What the endpoint calls it; as ``name`` when empty.
        api: ``chat`` sends a prompt as a user's message, ``completions`` as a text to be continued.
        api_key_env: The environment variable that holds the key; empty for none.
        timeout: Seconds for a whole answer with all its retries, 0.001 to 3600; of a stream, for each piece.
        max_retries: How often a request is sent again when the endpoint is busy or has failed, 0 to 10.
    """

    name: str
    base_url: str
    model: str = ""
    api: Literal["chat", "completions"] = "chat"
    api_key_env: str = ""
    timeout: float = 60.0
    max_retries: int = 2


class Settings(Struct, frozen=True, kw_only=True):
    """One server's settings, as they are in force. :class:`mcp_server.config.given.Given` says what each of them is.

    The values are taken as they come: they were checked when they were read.

    Attributes:
        anonymous: Also where nothing was said of it: where callers can show who they are, they must.
        limits: All of them, also the one that ``rate_limit_requests`` stands for.
    """

    transport_type: Transport = "http"
    host: str = "127.0.0.1"
    port: int = 8080
    store: str = "sqlite:///var/events.db"
    durability: Durability = Durability.STRICT
    server: str = ""
    environment: str = "development"
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    anonymous: bool = True
    jwt_secret_key: "SecretStr | None" = None
    auth_issuer: str = ""
    auth_audience: str = ""
    auth_jwks_url: str = ""
    auth_scopes: tuple[str, ...] = ()
    api_keys_file: str = ""
    access: tuple[AccessRule, ...] = ()
    access_default: Otherwise = "deny"
    secret_key: "SecretStr | None" = None
    redaction: bool = True
    redaction_names: tuple[str, ...] = ()
    redaction_allow: tuple[str, ...] = ()
    admin_token: "SecretStr | None" = None
    limits: tuple[Limit, ...] = ()
    cache_max_entries: int = 10_000
    cache_max_memory_mb: int = 64
    connection_window: int = 64
    server_window: int = 4096
    max_connections: int = 10_000
    call_timeout: float = 300.0
    session_idle: float = 1800.0
    head_timeout: float = 10.0
    body_timeout: float = 30.0
    drain_timeout: float = 10.0
    database_url: "SecretStr | None" = None
    database: Database = Database()
    redis_url: "SecretStr | None" = None
    redis_namespace: str = "mcp-rewind"
    limits_when_away: WhenAway = "local"
    advanced_features_enabled: bool = True
    streaming_enabled: bool = True
    batch_operations_enabled: bool = True
    completion_models: tuple[CompletionModel, ...] = ()
    prompts_enabled: bool = True
    prompts_folder: str = ""
    enabled_plugins: tuple[str, ...] = ()
    workspace: str = ""
    metrics_host: str = "127.0.0.1"
    metrics_port: int = 8001
    memory_monitor_interval: float = 30.0
    memory_limit_mb: int = 0
    gc_frequency: float = 60.0
    audit: bool = True
    log_level: Level = "INFO"
    log_file: str = ""
    debug: bool = False

    @property
    def authenticates(self) -> bool:
        """Whether there is anything by which callers can show who they are."""
        return bool(self.jwt_secret_key or self.auth_issuer or self.auth_jwks_url or self.api_keys_file)

    def signing_key(self) -> bytes:
        """The key that tokens are signed with.

        Raises:
            SettingsError: There is none, or it is too short to be one.
        """
        key = self.jwt_secret_key.get_secret_value().encode() if self.jwt_secret_key else b""
        if len(key) < KEY_BYTES:
            raise SettingsError(
                f"jwt_secret_key {f'has {len(key)} bytes' if key else 'is not set'}, and a key has at least "
                f"{KEY_BYTES}; make one with: openssl rand -base64 48"
            )
        return key
