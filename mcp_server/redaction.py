"""What a server takes out of all that it writes: by its settings, and by the schemas of its tools."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from adapters.keys import Keys
from adapters.redacted_facts import RedactedFacts, ToolSecrets
from adapters.redaction import Count, Redactor
from adapters.secret_names import SecretNames
from mcp_server.config import Settings

PURPOSE: Final = "redaction"


def redactor_of(settings: Settings, keys: Keys, count: Count = lambda _kind: None) -> Redactor:
    """What takes secrets out for a server with these settings and keys."""
    names = SecretNames(settings.redaction_names, settings.redaction_allow)
    return Redactor(keys.key(PURPOSE), names, count)


def redacted_facts(settings: Settings, keys: Keys, tools: ToolSecrets, count: Count) -> RedactedFacts | None:
    """What takes secrets out of facts; None where the settings turn that off."""
    return RedactedFacts(redactor_of(settings, keys, count), tools) if settings.redaction else None


def tool_secrets(schemas: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any] | None]]) -> ToolSecrets:
    """The members that schemas call secrets; for each tool its input schema, and its output schema if it has one."""
    arguments = {name: secret_members(given) for name, (given, _) in schemas.items()}
    results = {name: secret_members(found) for name, (_, found) in schemas.items() if found is not None}
    return ToolSecrets(arguments, results)


def secret_members(schema: Mapping[str, Any]) -> frozenset[str]:
    """The properties, at any depth, of which a schema says ``writeOnly`` or ``format: password``.

    What it says of the elements of a list counts for the list.
    """
    return frozenset(_members(schema, schema, "", set()))


def _members(schema: Any, root: Mapping[str, Any], name: str, seen: set[tuple[int, str]]) -> Iterator[str]:
    if isinstance(schema, list):
        for each in schema:
            yield from _members(each, root, name, seen)
    if not isinstance(schema, Mapping) or (id(schema), name) in seen:
        return
    seen.add((id(schema), name))
    if name and (schema.get("writeOnly") is True or schema.get("format") == "password"):
        yield name
    for word, value in schema.items():
        if word == "properties" and isinstance(value, Mapping):
            for member, inner in value.items():
                yield from _members(inner, root, member, seen)
        elif word == "$ref":
            yield from _members(_at(root, value), root, name, seen)
        elif word not in ("default", "enum", "const", "examples", "$defs", "definitions"):
            yield from _members(value, root, name, seen)


def _at(root: Mapping[str, Any], reference: object) -> Any:
    """What a reference within the schema refers to; None for any other."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    found: Any = root
    for part in filter(None, reference[1:].split("/")):
        found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
    return found
