import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mcp_server.plugins.workspace import Found, NotThere, Unreadable, Workspace, _Opened

SECRET = "do not show this"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace with a secret beside it."""
    (tmp_path / "secret.txt").write_text(SECRET)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text(SECRET)
    root = tmp_path / "root"
    (root / "src").mkdir(parents=True)
    (root / "src" / "main.py").write_text("print(1)\n")
    (root / "README").write_text("read me")
    return root


def test_a_file_is_read(root: Path) -> None:
    assert Workspace(root).read("src/main.py") == b"print(1)\n"


def test_the_root_may_be_reached_through_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    assert Workspace(tmp_path / "link").read("README") == b"read me"


def test_a_root_that_is_no_folder_is_refused(root: Path) -> None:
    with pytest.raises(NotADirectoryError, match="README is no folder"):
        Workspace(root / "README")
    with pytest.raises(NotADirectoryError):
        Workspace(root / "nothing")


@pytest.mark.parametrize(
    "path", ["../secret.txt", "src/../../secret.txt", "..", "/etc/passwd", "a\0b", "\uff0e\uff0e/secret.txt"]
)
def test_no_path_leads_out(root: Path, path: str) -> None:
    with pytest.raises(Unreadable, match="is not served"):
        Workspace(root).read(path)


def test_no_link_leads_out(root: Path, tmp_path: Path) -> None:
    (root / "file").symlink_to(tmp_path / "secret.txt")
    (root / "folder").symlink_to(tmp_path / "outside")
    (root / "up").symlink_to("..")
    (root / "chain").symlink_to("folder")
    (root / "loop").symlink_to("loop")
    workspace = Workspace(root)
    for path in ("file", "folder/secret.txt", "up/secret.txt", "chain/secret.txt", "up/outside/secret.txt", "loop"):
        with pytest.raises(Unreadable, match="is not served"):
            workspace.read(path)
    assert [found.path for found in workspace.walk().files] == ["README", "src/main.py"]
    assert not workspace.is_folder("folder")


def test_what_happens_to_be_a_link_inside_is_read_unless_it_leads_to_something_hidden(root: Path) -> None:
    (root / ".env").write_text(SECRET)
    (root / "shown").symlink_to("src/main.py")
    (root / "hidden").symlink_to(".env")
    workspace = Workspace(root)
    assert workspace.read("shown") == b"print(1)\n"
    with pytest.raises(Unreadable, match="hidden files and folders are left out"):
        workspace.read("hidden")
    assert [found.path for found in workspace.walk().files] == ["README", "shown", "src/main.py"]


def test_a_folder_that_is_swapped_for_a_link_after_it_was_checked_leads_nowhere(root: Path, tmp_path: Path) -> None:
    (root / "src").rename(root / "old")
    (root / "src").symlink_to(tmp_path / "outside")
    with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
        _Opened(root, ("src", "secret.txt"))  # as if the check had seen the folder


def test_swapping_a_folder_for_a_link_while_files_are_read_never_shows_what_is_outside(
    root: Path, tmp_path: Path
) -> None:
    (root / "src" / "secret.txt").write_text("public")
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            (root / "src").rename(root / "kept")
            (root / "src").symlink_to(tmp_path / "outside")
            (root / "src").unlink()
            (root / "kept").rename(root / "src")

    swapper = threading.Thread(target=swap)
    swapper.start()
    workspace = Workspace(root)
    seen: set[str] = set()
    naive: set[str] = set()
    turns, late = 0, time.monotonic() + 60.0  # how soon a swap is met is up to the scheduler
    try:
        while turns < 3000 or (SECRET not in naive and time.monotonic() < late):
            turns += 1
            naive.add(_or_nothing((root / "src" / "secret.txt").read_text))
            seen.add(_or_nothing(lambda: workspace.read("src/secret.txt").decode()))
    finally:
        stop.set()
        swapper.join()
    assert SECRET in naive  # a control: the swaps were met
    assert seen <= {"public", ""}


def _or_nothing(read: Callable[[], str]) -> str:
    try:
        return read()
    except (OSError, Unreadable):
        return ""


def test_what_is_hidden_is_neither_listed_nor_read(root: Path) -> None:
    for path in (".git/config", "node_modules/x/index.js", "src/.env", "src/__pycache__/main.pyc"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(SECRET)
    workspace = Workspace(root)
    assert [found.path for found in workspace.walk().files] == ["README", "src/main.py"]
    for path in (".git/config", "node_modules/x/index.js", "src/.env"):
        with pytest.raises(Unreadable, match="left out"):
            workspace.read(path)


def test_a_file_that_is_not_there_is_told_from_one_that_is_not_served(root: Path) -> None:
    workspace = Workspace(root)
    for path in ("nothing", "src/nothing", "README/nothing"):
        with pytest.raises(NotThere, match="there is no file"):
            workspace.read(path)


def test_errors_name_no_place_of_this_machine(root: Path, tmp_path: Path) -> None:
    (root / "file").symlink_to(tmp_path / "secret.txt")
    for path in ("file", "src", "nothing", "../secret.txt"):
        with pytest.raises(Unreadable) as raised:
            Workspace(root).read(path)
        assert str(tmp_path) not in str(raised.value)


def test_only_regular_files_are_read_and_a_pipe_keeps_nobody_waiting(root: Path) -> None:
    os.mkfifo(root / "pipe")
    workspace = Workspace(root)
    for path in ("pipe", "src", ""):
        with pytest.raises(Unreadable, match="no regular file"):
            workspace.read(path)


def test_a_file_may_have_as_many_bytes_as_the_workspace_says(root: Path) -> None:
    (root / "big").write_bytes(b"x" * 11)
    assert Workspace(root, file_bytes=11).read("big") == b"x" * 11
    with pytest.raises(Unreadable, match="big has 11 bytes; at most 10 are read"):
        Workspace(root, file_bytes=10).read("big")


def test_a_hundred_megabytes_are_refused_unread(root: Path) -> None:
    with (root / "huge.py").open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    with pytest.raises(Unreadable, match="has 104857600 bytes; at most 2097152 are read"):
        Workspace(root).read("huge.py")


def test_a_binary_file_is_no_text(root: Path) -> None:
    (root / "picture").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    assert Workspace(root).read("picture").startswith(b"\x89PNG")
    with pytest.raises(Unreadable, match="picture is binary: it has a zero byte"):
        Workspace(root).read_text("picture")


def test_files_are_listed_in_the_order_of_their_parts(root: Path) -> None:
    for path in ("b/x", "b-a", "b/a/y", "a/z", "B"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    files = Workspace(root).walk().files
    assert [found.path for found in files] == sorted((found.path for found in files), key=lambda path: path.split("/"))
    assert Found("b/a/y", 5) in files


def test_a_listing_says_when_it_is_not_complete(root: Path) -> None:
    for number in range(30):
        (root / f"f{number:02}").touch()
    listing = Workspace(root, most_files=10).walk()
    assert len(listing.files) == 10
    assert not listing.complete
    assert Workspace(root, most_files=32).walk().complete


def test_a_listing_stops_after_a_bounded_number_of_entries_that_do_not_count(root: Path) -> None:
    for number in range(30):
        (root / f".f{number:02}").touch()
    assert not Workspace(root, most_files=2).walk().complete


def test_a_listing_can_be_of_a_folder_and_of_suffixes(root: Path) -> None:
    (root / "src" / "x.js").touch()
    workspace = Workspace(root)
    assert workspace.walk("src", (".js", ".mjs")).files == [Found("src/x.js", 0)]
    with pytest.raises(Unreadable, match="the folder nowhere is not served"):
        workspace.walk("nowhere")
    with pytest.raises(Unreadable, match=r"the folder \.\. is not served"):
        workspace.walk("..")


def test_a_tree_deeper_than_a_path_may_be_is_listed_as_far_as_paths_go(root: Path) -> None:
    deep = root.joinpath(*(["d"] * 70))
    deep.mkdir(parents=True)
    (deep / "f").touch()
    workspace = Workspace(root)
    assert [found.path for found in workspace.walk().files] == ["README", "src/main.py"]
    (root.joinpath(*(["d"] * 63)) / "last").touch()
    (last,) = (found.path for found in workspace.walk().files if found.path.endswith("last"))
    assert workspace.read(last) == b""
