"""What was asked for, setting by setting: checked, with its default where nothing was said, and not yet in force."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from mcp_server.config import settings as settled
from mcp_server.config.errors import SettingsError
from mcp_server.config.kinds import (
    Access,
    Count,
    Key,
    Limits,
    Models,
    Port,
    Scopes,
    Seconds,
    Secret,
    Token,
    Wait,
    Whole,
    Words,
    upper,
)
from mcp_server.config.limits import DEFAULT, default_limit
from mcp_server.config.names import ALIASES
from mcp_server.config.problems import problems, unknown
from mcp_server.config.settings import Level, Settings, Transport, WhenAway
from mcp_server.effects import Durability
from operators.access import Otherwise
from operators.limits.limit import Algorithm
from operators.policy import Limit


class Database(BaseModel):
    """How many connections to PostgreSQL there may be."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True, hide_input_in_errors=True)

    pool_size: Count = Field(default=5, description="Connections that are kept open.")
    max_overflow: Whole = Field(default=15, description="How many more may be opened while all of them are in use.")
    pool_timeout: Seconds = Field(
        default=30.0, description="Seconds that a caller waits for one; then it gets an error."
    )

    def __setattr__(self, name: str, value: Any) -> None:
        """Set one. Raises as :class:`Given` does."""
        if name not in type(self).model_fields:
            raise SettingsError(f"settings: {unknown(f'database.{name}', Given)}")
        _assign(super().__setattr__, f"database.{name}", name, value, type(self))


class Given(BaseSettings):
    """One server's settings, as they were given. A wrong value is refused where it is set.

    Its constructor takes values and reads nothing: :func:`mcp_server.config.read_settings` reads.
    """

    model_config = SettingsConfigDict(
        extra="forbid",
        validate_assignment=True,
        hide_input_in_errors=True,
        env_nested_delimiter="__",
        title="mcp-rewind",
    )
    _fixed: str = PrivateAttr("")

    transport_type: Transport = Field(
        default="http",
        description="`websocket` and `http` both serve websocket and Streamable HTTP on one port; `stdio` one client.",
    )
    host: str = Field(
        default="127.0.0.1",
        description="The address to listen on; anything but loopback opens the server to the network.",
    )
    port: Port = Field(default=8080, description="The port; 0 takes a free one.")
    store: str = Field(
        default="sqlite:///var/events.db",
        description="The log: `sqlite:///` and a path, or `memory:` for one that is gone at the end.",
    )
    durability: Durability = Field(
        default=Durability.STRICT, description="When an effect may act on an event: `strict`, `group` or `async`."
    )
    server: str = Field(
        default="", description="What to serve: a file, or `module:attribute`; empty for the built-in server."
    )
    environment: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,31}$")] = Field(
        default="development",
        description="What this server is for, in a word; with `production`, `doctor` is stricter.",
    )
    allowed_hosts: Words = Field(
        default=(), description="Names besides the loopback ones by which the server may be called."
    )
    allowed_origins: Words = Field(
        default=(), description="Origins of pages that may call it, such as `https://example.org`."
    )
    anonymous: bool | None = Field(
        default=None,
        description="Whether callers that nobody vouches for may use it; null for: unless there is something by which "
        "callers can show who they are.",
    )
    jwt_secret_key: Secret = Field(
        default=None, description="The key that tokens are signed with by HS256, at least 32 bytes; empty for none."
    )
    auth_issuer: str = Field(
        default="", description="Whose tokens are taken: the URL of an authorization server; empty for nobody's."
    )
    auth_audience: str = Field(
        default="",
        description="The URI by which clients call this server, and for which tokens must be; empty for the address "
        "that it listens on.",
    )
    auth_jwks_url: str = Field(
        default="", description="Where the issuer's public keys are; empty for where its metadata says."
    )
    auth_scopes: Scopes = Field(default=(), description="Scopes that every token and key must have.")
    api_keys_file: str = Field(
        default="", description="A file of hashed keys, which `mcp-rewind key new` writes; empty for none."
    )
    access: Access = Field(
        default=(), description="Who may do what: the first rule that is about a request decides; empty allows all."
    )
    access_default: Otherwise = Field(
        default="deny", description="What becomes of a request that none of these rules is about: `allow` or `deny`."
    )
    secret_key: Key = Field(
        default=None,
        description="What handles, cursors and states that clients bring back are sealed with, and what redacted "
        "values are tagged with, at least 32 bytes; empty for one that the server makes and keeps beside its log.",
    )
    redaction: bool = Field(
        default=True, description="Whether secrets are taken out of all that is written; false stores them."
    )
    redaction_names: Words = Field(default=(), description="Names besides of members whose values are secrets.")
    redaction_allow: Words = Field(default=(), description="Names of members whose values are none.")
    admin_token: Token = Field(
        default=None,
        description="What callers of `/admin` show as a bearer token, from wherever they call; empty for callers on "
        "the server's own machine only, who then need none.",
    )
    limits: Limits = Field(default=(), description="Rate limits; every one that covers a request must let it pass.")
    rate_limit_requests: Count | None = Field(
        default=None, description="Requests in a window, for each caller: a limit named `default`; null for none."
    )
    rate_limit_window: Seconds = Field(default=60.0, description="That window, in seconds.")
    rate_limit_algorithm: Algorithm = Field(default=Algorithm.TOKEN_BUCKET, description="How they are counted.")
    cache_max_entries: Count = Field(default=10_000, description="Results that are kept.")
    cache_max_memory_mb: Count = Field(default=64, description="Their size together, in MiB.")
    connection_window: Count = Field(
        default=64, description="Unanswered requests of one connection; then it is not read any further."
    )
    server_window: Count = Field(
        default=4096, description="Unanswered requests of all together; more are refused with a time to try again."
    )
    max_connections: Count = Field(
        default=10_000, description="Connections that are open at once; more are closed at once."
    )
    call_timeout: Seconds = Field(default=300.0, description="Seconds that a call may take.")
    session_idle: Seconds = Field(default=1800.0, description="Seconds after which an unused session is closed.")
    head_timeout: Seconds = Field(
        default=10.0, description="Seconds in which a connection must bring its first request head."
    )
    body_timeout: Seconds = Field(default=30.0, description="Seconds in which a request must bring its body.")
    drain_timeout: Wait = Field(
        default=10.0, description="Seconds for which calls may go on after the server was told to stop."
    )
    database_url: Secret = Field(
        default=None,
        description="The database of `ctx.database`: `postgresql://user:password@host:5432/name` or `sqlite:///` and a "
        "path.",
    )
    database: Database = Field(default_factory=Database, description="How many connections to it there may be.")
    redis_url: Secret = Field(
        default=None,
        description="A Redis, such as `redis://host:6379`: servers that name the same one share limits and cache.",
    )
    redis_namespace: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,32}$")] = Field(
        default="mcp-rewind",
        description="What all its keys begin with. Only servers that offer the same may have the same.",
    )
    limits_when_away: WhenAway = Field(
        default="local",
        description="While Redis is away: `local` has each server limit for itself, `fail_closed` refuses.",
    )
    advanced_features_enabled: bool = Field(
        default=True, description="Whether completions, streams and batches are offered at all."
    )
    streaming_enabled: bool = Field(default=True, description="Whether streams are, given that.")
    batch_operations_enabled: bool = Field(default=True, description="Whether batches are, given that.")
    completion_models: Models = Field(
        default=(),
        description="Models behind OpenAI-compatible endpoints that complete texts, besides the built-in `template`.",
    )
    prompts_enabled: bool = Field(default=True, description="Whether prompts are offered.")
    prompts_folder: str = Field(default="", description="A folder of prompt templates that is watched; empty for none.")
    enabled_plugins: Words = Field(default=(), description="Plugins to load, by name.")
    workspace: str = Field(
        default="", description="The folder whose files plugins may read; empty for the one the server was started in."
    )
    metrics_host: str = Field(default="127.0.0.1", description="The address of the port for metrics.")
    metrics_port: Port = Field(default=8001, description="A port of their own for metrics; 0 for none.")
    memory_monitor_interval: Annotated[Seconds, Field(ge=0.1)] = Field(
        default=30.0, description="Seconds between two looks at the memory in use; at least 0.1."
    )
    memory_limit_mb: Whole = Field(
        default=0, description="Memory that the server may have, in MiB; 0 for what the kernel allows."
    )
    gc_frequency: Wait = Field(
        default=60.0,
        description="Seconds between two garbage collections while memory is scarce; 0 for Python's own alone.",
    )
    audit: bool = Field(default=True, description="Whether the audit view is kept up to date while the server runs.")
    log_level: Annotated[Level, BeforeValidator(upper)] = Field(
        default="INFO", description="The least severe log lines that are written."
    )
    log_file: str = Field(default="", description="Where they go; empty for standard error.")
    debug: bool = Field(default=False, description="Log everything, a line for each event among it.")

    @property
    def websocket_host(self) -> str:
        """Another name of ``host``."""
        return self.host

    @websocket_host.setter
    def websocket_host(self, value: str) -> None:
        self.host = value

    @property
    def websocket_port(self) -> int:
        """Another name of ``port``."""
        return self.port

    @websocket_port.setter
    def websocket_port(self, value: int) -> None:
        self.port = value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Leave out what pydantic would read by itself."""
        return (init_settings,)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set one.

        Raises:
            SettingsError: There is no such setting, its value is wrong, or it is too late.
        """
        if name.startswith("_"):
            super().__setattr__(name, value)
            return
        setting = ALIASES.get(name, name)
        if self._fixed:
            raise SettingsError(f"settings: {name} cannot be changed {self._fixed}")
        if setting not in type(self).model_fields:
            raise SettingsError(f"settings: {unknown(name, Given)}")
        _assign(super().__setattr__, name, setting, value, type(self))

    def fix(self, since: str) -> None:
        """Take no more changes; ``since`` says why, and the empty text takes changes again."""
        self._fixed = since

    def settled(self) -> Settings:
        """The settings that follow from these.

        Raises:
            SettingsError: Two of them do not go together.
        """
        values = {name: getattr(self, name) for name in Settings.__struct_fields__}
        values["database"] = settled.Database(**self.database.model_dump())
        values["limits"] = (*self.limits, *self._default_limit())
        if self.anonymous is None:  # on stdio the caller is whoever started the server, and shows nothing
            values["anonymous"] = self.transport_type == "stdio" or not Settings(**values).authenticates
        return Settings(**values)

    def _default_limit(self) -> tuple[Limit, ...]:
        if self.rate_limit_requests is None:
            return ()
        if any(limit.name == DEFAULT for limit in self.limits):
            raise SettingsError("limits: the name 'default' is taken by rate_limit_requests; give yours another")
        try:
            return (default_limit(self.rate_limit_requests, self.rate_limit_window, self.rate_limit_algorithm),)
        except ValueError as error:
            raise SettingsError(f"rate_limit_requests, rate_limit_window: {error}") from error


def _assign(assign: Callable[[str, Any], None], written: str, name: str, value: Any, model: type[BaseModel]) -> None:
    try:
        assign(name, value)
    except ValidationError as error:
        raise SettingsError(f"settings: {problems(error, model, {name: written})}") from error
