import json
from pathlib import Path
from types import MappingProxyType

import pytest

from mcp_server.builtin import server
from mcp_server.config import Settings, SettingsError
from mcp_server.offering import offered
from tests.mcp_server.asking import OLD, Heard, call


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


@pytest.mark.parametrize(("plugins", "told"), [((), None), (("c_plugin",), True)])
async def test_resources_can_be_followed_where_a_workspace_is_watched(
    plugins: tuple[str, ...], told: bool | None, tmp_path: Path
) -> None:
    catalogue = offered(Settings(enabled_plugins=plugins, workspace=str(tmp_path)), server).catalogue
    hello = {"protocolVersion": OLD, "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
    answers = [
        await catalogue.answer(call(*asked), Heard()) for asked in (("initialize", hello, OLD), ("server/discover",))
    ]
    legacy, modern = (json.loads(answer.payload)["capabilities"].get("resources", {}) for answer in answers)
    assert (legacy.get("subscribe"), modern.get("subscribe")) == (told, told)
