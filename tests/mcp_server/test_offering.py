from pathlib import Path
from types import MappingProxyType

import pytest

from mcp_server.builtin import server
from mcp_server.config import Settings, SettingsError
from mcp_server.offering import offered


def test_without_plugins_a_server_offers_what_it_has() -> None:
    found = offered(Settings(), server)
    assert found.failed_plugins == MappingProxyType({})
    assert "tools" in found.catalogue.capabilities


def test_what_plugins_add_is_offered_and_the_server_stays_as_it_was(tmp_path: Path) -> None:
    before = set(server._offer.tools)
    found = offered(Settings(enabled_plugins=("python_plugin",), workspace=str(tmp_path)), server)
    assert "python_outline" in found.catalogue._tools
    assert before < set(found.catalogue._tools)
    assert set(server._offer.tools) == before


def test_a_plugin_that_cannot_be_loaded_is_named_and_the_others_are_there(tmp_path: Path) -> None:
    found = offered(Settings(enabled_plugins=("python_plugins", "c_plugin"), workspace=str(tmp_path)), server)
    assert list(found.failed_plugins) == ["python_plugins"]
    assert "python_plugin" in found.failed_plugins["python_plugins"]
    assert "c_outline" in found.catalogue._tools


def test_a_workspace_that_is_none_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"workspace: the workspace .* is no folder"):
        offered(Settings(enabled_plugins=("c_plugin",), workspace=str(tmp_path / "none")), server)
