import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from mcp_server.features.server import MCPServer
from mcp_server.features.unusable import Unusable
from mcp_server.plugins import Loaded, Plugin, Workspace, load_plugins
from tests.mcp_server.asking import ask
from tests.mcp_server.plugins.samples import told

BUILT_IN = ["python_plugin", "js_plugin", "c_plugin"]
GOOD = """
class Plugin:
    name = "good_plugin"
    def register(self, server, workspace):
        @server.tool(read_only=True)
        def good() -> str:
            "Say something good."
            return "good"
        @server.prompt("praise")
        def praise(name: str) -> str:
            return "praise " + name
        @server.completion("praise", "name")
        def names(typed: str) -> list[str]:
            return [typed + "!"]
        @server.resource("good://thing", name="thing")
        def thing() -> str:
            return "a good thing"
"""
Package = Callable[[str, str, str], None]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """Installs a package: its module's name, its code and what its entry points are."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(module: str, code: str, entries: str) -> None:
        (tmp_path / f"{module}.py").write_text(code)
        about = tmp_path / f"{module}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(f"[mcp_rewind.plugins]\n{entries}\n")
        monkeypatch.delitem(sys.modules, module, raising=False)

    return install


def registered(loaded: Loaded) -> MCPServer:
    server = MCPServer("test")
    loaded.register(server)
    return server


async def names_of(server: MCPServer) -> list[str]:
    return [tool["name"] for tool in (await ask(server, "tools/list"))["tools"]]


async def test_the_plugins_of_this_distribution_are_found_by_name(tmp_path: Path) -> None:
    loaded = load_plugins(BUILT_IN, Workspace(tmp_path))
    server = registered(loaded)
    assert (list(loaded.plugins), loaded.failures) == (BUILT_IN, {})
    assert all(isinstance(plugin, Plugin) for plugin in loaded.plugins.values())
    names = await names_of(server)
    what = ("outline", "definition", "references", "syntax_errors", "metrics", "imports", "doc_coverage", "query")
    assert sorted(names) == sorted(
        ["workspace_files", *(f"{name}_{tool}" for name in ("python", "js", "c") for tool in what)]
    )


async def test_without_a_workspace_there_are_no_files_and_code_can_still_be_read() -> None:
    server = registered(load_plugins(["python_plugin"]))
    assert "workspace_files" not in await names_of(server)
    assert (await told(server, "python_outline", code="x = 1"))["symbols"][0]["name"] == "x"


def test_an_unknown_name_is_told_with_the_nearest_known_one() -> None:
    loaded = load_plugins(["pyhton_plugin", "python_plugin", "zzz"])
    assert list(loaded.plugins) == ["python_plugin"]
    assert loaded.failures == {
        "pyhton_plugin": "there is no plugin of this name; did you mean python_plugin?",
        "zzz": "there is no plugin of this name; there are c_plugin, js_plugin, python_plugin",
    }


def test_a_plugin_that_is_enabled_twice_is_loaded_once() -> None:
    loaded = load_plugins(["c_plugin", "c_plugin"])
    registered(loaded)
    assert (list(loaded.plugins), loaded.failures) == (["c_plugin"], {})


@pytest.mark.parametrize("entry", ["Plugin", "plugin", "make"])
async def test_a_package_offers_a_plugin_as_a_class_an_object_or_a_function(package: Package, entry: str) -> None:
    package(
        "plugin_good", GOOD + "plugin = Plugin()\ndef make(): return Plugin()\n", f"good_plugin = plugin_good:{entry}"
    )
    loaded = load_plugins(["good_plugin"])
    server = registered(loaded)
    assert loaded.failures == {}
    assert await names_of(server) == ["good"]
    reference = {"ref": {"type": "ref/prompt", "name": "praise"}, "argument": {"name": "name", "value": "a"}}
    assert (await ask(server, "completion/complete", reference))["completion"]["values"] == ["a!"]
    assert (await ask(server, "resources/read", {"uri": "good://thing"}))["contents"][0]["text"] == "a good thing"


def test_a_plugin_that_nobody_enabled_is_not_even_imported(package: Package) -> None:
    package("plugin_idle", "raise SystemExit('imported')", "idle_plugin = plugin_idle:Plugin")
    assert load_plugins(["c_plugin"]).failures == {}
    assert "plugin_idle" not in sys.modules


@pytest.mark.parametrize(
    ("code", "entry", "reason"),
    [
        ("1 / 0", "Plugin", "it could not be loaded: ZeroDivisionError: division by zero"),
        (
            "import no_such_module",
            "Plugin",
            "it could not be loaded: ModuleNotFoundError: No module named 'no_such_module'",
        ),
        ("raise SystemExit(3)", "Plugin", "it could not be loaded: SystemExit: 3"),
        (
            "class Panic(BaseException): pass\nraise Panic('at x.rs:1')",
            "Plugin",
            "it could not be loaded: Panic: at x.rs:1",
        ),
        ("", "Plugin", "it could not be loaded: AttributeError: "),
        ("Plugin = 3", "Plugin", "its entry point gives a int, which has no name or no register(server, workspace)"),
        ("def Plugin(): return None", "Plugin", "its entry point gives a NoneType, which has no name"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_named_with_the_reason_and_the_others_work(
    package: Package, code: str, entry: str, reason: str
) -> None:
    package("plugin_bad", code, f"bad_plugin = plugin_bad:{entry}")
    with capture_logs() as logs:
        loaded = load_plugins(["bad_plugin", "python_plugin"])
    assert list(loaded.plugins) == ["python_plugin"]
    assert loaded.failures["bad_plugin"].startswith(reason)
    assert [(line["log_level"], line["plugin"]) for line in logs] == [("error", "bad_plugin")]


async def test_a_plugin_that_fails_half_way_leaves_nothing_behind(package: Package) -> None:
    package("plugin_half", GOOD + "        raise OSError('the disk\\nis full')\n", "half_plugin = plugin_half:Plugin")
    loaded = load_plugins(["half_plugin", "c_plugin"])
    server = registered(loaded)
    assert list(loaded.plugins) == ["c_plugin"]
    assert loaded.failures == {"half_plugin": "it could not be registered: OSError: the disk is full"}
    assert all(name.startswith("c_") for name in await names_of(server))
    assert (await ask(server, "prompts/list"))["prompts"] == []


async def test_a_plugin_whose_names_are_taken_is_left_out_with_all_that_it_offers(package: Package) -> None:
    package("plugin_good", GOOD, "good_plugin = plugin_good:Plugin")
    server = MCPServer("test")

    @server.resource("good://thing")
    def mine() -> str:
        """Was here before."""
        return "mine"

    loaded = load_plugins(["good_plugin"])
    loaded.register(server)
    reason = "it could not be registered: Unusable: there is a resource good://thing already"
    assert loaded.failures == {"good_plugin": reason}
    assert await names_of(server) == []  # not even the tool that came before the resource
    assert (await ask(server, "prompts/list"))["prompts"] == []


@pytest.mark.parametrize(
    ("garbled", "problem"),
    [(b"[mcp_rewind.plugins]\nno equals sign\n", "TypeError"), (b"\xff\xfe", "UnicodeDecodeError")],
)
@pytest.mark.parametrize("named", [True, False])
def test_a_package_whose_entry_points_are_garbled_costs_no_other(
    package: Package, tmp_path: Path, garbled: bytes, problem: str, named: bool
) -> None:
    package("plugin_good", GOOD, "good_plugin = plugin_good:Plugin")
    package("a_garbled", "", "")
    about = tmp_path / "a_garbled-1.0.dist-info"
    (about / "entry_points.txt").write_bytes(garbled)
    if not named:
        (about / "METADATA").write_bytes(b"\xff\xfe")
    with capture_logs() as logs:
        loaded = load_plugins(["good_plugin", "python_plugin", "garbled_plugin"])
    assert list(loaded.plugins) == ["good_plugin", "python_plugin"]
    assert list(loaded.failures) == ["garbled_plugin"]
    warned = next(line for line in logs if line["log_level"] == "warning")
    assert warned["package"] == ("a-garbled" if named else "without a name")
    assert warned["reason"].startswith(problem)


def test_of_a_package_that_is_on_the_path_twice_the_first_counts(
    package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package("plugin_good", GOOD, "good_plugin = plugin_good:Plugin")
    about = tmp_path / "later" / "Plugin.Good-0.9.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: Plugin.Good\nVersion: 0.9\n")
    (about / "entry_points.txt").write_text("[mcp_rewind.plugins]\ngood_plugin = older:Plugin\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "later")])
    loaded = load_plugins(["good_plugin"])
    assert (list(loaded.plugins), loaded.failures) == (["good_plugin"], {})


def test_two_packages_that_offer_the_same_name_are_both_named(package: Package) -> None:
    package("plugin_one", GOOD, "good_plugin = plugin_one:Plugin")
    package("plugin_two", GOOD, "good_plugin = plugin_two:Plugin")
    assert load_plugins(["good_plugin"]).failures == {
        "good_plugin": "several packages offer a plugin of this name: plugin_one:Plugin and plugin_two:Plugin"
    }


def test_the_name_of_a_plugin_of_this_distribution_cannot_be_taken_over(package: Package) -> None:
    package("plugin_thief", "raise SystemExit", "c_plugin = plugin_thief:Plugin")
    assert load_plugins(["c_plugin"]).failures == {}


def test_a_server_with_a_tool_named_like_the_workspaces_is_told_so(tmp_path: Path) -> None:
    server = MCPServer("test")

    @server.tool
    def workspace_files() -> str:
        """Was here before."""
        return "mine"

    with pytest.raises(Unusable, match="there is a tool workspace_files already"):
        load_plugins([], Workspace(tmp_path)).register(server)
