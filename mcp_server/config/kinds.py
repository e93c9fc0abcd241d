"""Kinds of values that settings have, each with what else is taken for one."""

import difflib
from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any, Final, TypeVar

import msgspec
from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator, SecretStr
from pydantic_settings import NoDecode

from mcp_server.config.settings import CompletionModel
from mcp_server.protocol.addresses import check_address
from operators.access import AccessRule, check_rules, check_scopes
from operators.policy import Limit

Each = TypeVar("Each", bound=msgspec.Struct)

LEAST_KEY: Final = 32
"""Bytes of a key that texts are sealed with."""

LEAST_TOKEN: Final = 16
"""Characters of a token that is compared and never guessed."""


def _no_truth(value: Any) -> Any:
    """Python takes true for 1; a person who writes it means something else."""
    if isinstance(value, bool):
        raise ValueError("must be a number")  # noqa: TRY004 # what pydantic makes a sentence of
    return value


def _listed(value: Any) -> Any:
    """A list in an environment variable: a JSON array, or words with commas between them."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return _decoded(value)
    return [word.strip() for word in value.split(",") if word.strip()]


def _limits(value: Any) -> tuple[Limit, ...]:
    found = _structs(value, Limit, "limits")
    _check_names(limit.name for limit in found)
    return found


def _models(value: Any) -> tuple[CompletionModel, ...]:
    found = _structs(value, CompletionModel, "completion_models")
    for index, model in enumerate(found):
        check_address(model.base_url, f"`completion_models[{index}].base_url`")
    _check_names(model.name for model in found)
    return found


def _access(value: Any) -> tuple[AccessRule, ...]:
    found = _structs(value, AccessRule, "access")
    check_rules(found)
    return found


def _scopes(value: tuple[str, ...]) -> tuple[str, ...]:
    check_scopes(value)
    return value


def _structs(value: Any, kind: type[Each], setting: str) -> tuple[Each, ...]:
    """A list of objects; a key that they do not have is refused with the nearest that they have."""
    given = _decoded(value) if isinstance(value, str) else value
    fields = kind.__struct_encode_fields__
    for index, each in enumerate(given if isinstance(given, list | tuple) else ()):
        for key in each if isinstance(each, dict) else ():
            if key not in fields:
                near = difflib.get_close_matches(str(key), fields, n=1, cutoff=0.6)
                hint = f": did you mean {near[0]!r}?" if near else f"; there are {', '.join(fields)}"
                raise ValueError(f"there is no {str(key)[:40]!r}{hint}, at `{setting}[{index}]`")
    try:
        return msgspec.convert(given, tuple[kind, ...], strict=False)  # type: ignore[valid-type]  # it is a type
    except msgspec.ValidationError as error:
        raise ValueError(str(error).replace(" - at `$", f", at `{setting}")) from error


def _check_names(names: Iterable[str]) -> None:
    for name, times in Counter(names).items():
        if times > 1:
            raise ValueError(f"the name {name[:64]!r} is given to {times} of them; each needs one of its own")


def _decoded(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise ValueError(f"must be a JSON array: {error}") from error


def upper(value: Any) -> Any:
    """A word in capitals."""
    return value.upper() if isinstance(value, str) else value


def _nothing(value: Any) -> Any:
    """No secret is the same as an empty one."""
    return None if value == "" else value


def _long_enough(value: SecretStr | None) -> SecretStr | None:
    if value is not None and len(value.get_secret_value()) < LEAST_TOKEN:
        raise ValueError(f"must have at least {LEAST_TOKEN} characters; make one with: openssl rand -hex 24")
    return value


def _strong_enough(value: SecretStr | None) -> SecretStr | None:
    if value is not None and len(value.get_secret_value().encode()) < LEAST_KEY:
        raise ValueError(f"must have at least {LEAST_KEY} bytes; make one with: openssl rand -base64 48")
    return value


_Number = BeforeValidator(_no_truth)
Port = Annotated[int, Field(ge=0, le=65535), _Number]
Whole = Annotated[int, Field(ge=0), _Number]
Count = Annotated[int, Field(ge=1), _Number]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False), _Number]
Wait = Annotated[float, Field(ge=0, allow_inf_nan=False), _Number]
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]
Limits = Annotated[tuple[Limit, ...], NoDecode, PlainValidator(_limits), PlainSerializer(msgspec.to_builtins)]
Scopes = Annotated[Words, AfterValidator(_scopes)]
Access = Annotated[tuple[AccessRule, ...], NoDecode, PlainValidator(_access), PlainSerializer(msgspec.to_builtins)]
Models = Annotated[tuple[CompletionModel, ...], NoDecode, PlainValidator(_models), PlainSerializer(msgspec.to_builtins)]
Secret = Annotated[SecretStr | None, BeforeValidator(_nothing)]
Token = Annotated[Secret, AfterValidator(_long_enough)]
Key = Annotated[Secret, AfterValidator(_strong_enough)]
