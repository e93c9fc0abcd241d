"""The JSON Schema of the file of settings says what the server says."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from mcp_server.config import SettingsError, load_settings
from mcp_server.config.schema import file_schema
from tests.docs.pages import ROOT
from tests.mcp_server.test_config import GUIDE_FILE

KEPT = ROOT / "config" / "schema.json"


def valid(values: dict[str, Any]) -> bool:
    return jsonschema_rs.validator_for(file_schema()).is_valid(values)


def test_the_schema_that_is_kept_is_the_schema_that_there_is() -> None:
    """When it is not: mcp-rewind config --schema > config/schema.json."""
    assert json.loads(KEPT.read_text()) == json.loads(json.dumps(file_schema()))


def test_it_is_a_schema() -> None:
    assert jsonschema_rs.meta.is_valid(file_schema())


@pytest.mark.parametrize("file", sorted((ROOT / "config").glob("*.json")), ids=lambda file: file.stem)
def test_the_files_that_come_along_are_valid(file: Path) -> None:
    if file != KEPT:
        assert valid(json.loads(file.read_text()))
        load_settings(file, {}, {})


@pytest.mark.parametrize(
    ("values", "right"),
    [
        (GUIDE_FILE, True),
        ({"$schema": "schema.json"}, True),
        ({"limits": [{"name": "a", "per": "session", "per_second": 1, "burst": 1}]}, True),
        ({"jwt_secret_key": None, "rate_limit_requests": None}, True),
        ({"prot": 1}, False),
        ({"port": 65536}, False),
        ({"websocket_port": -1}, False),
        ({"call_timeout": 0}, False),
        ({"durability": "never"}, False),
        ({"database": {"pool_size": 0}}, False),
        ({"database": {"size": 1}}, False),
        ({"limits": [{"per": "session"}]}, False),
        ({"limits": [{"name": "a", "per_second": 1, "burst": 1, "xyzzy": 1}]}, False),
        ({"completion_models": [{"name": "a", "base_url": "http://localhost:8000/v1"}]}, True),
        ({"completion_models": [{"name": "a", "url": "http://localhost:8000/v1"}]}, False),
        ({"enabled_plugins": [5]}, False),
    ],
    ids=str,
)
def test_an_editor_and_the_server_agree(tmp_path: Path, values: dict[str, Any], right: bool) -> None:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(values))
    assert valid(values) is right
    if right:
        load_settings(file, {}, {})
    else:
        with pytest.raises(SettingsError):
            load_settings(file, {}, {})
