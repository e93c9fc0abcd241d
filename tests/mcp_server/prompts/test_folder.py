import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.prompts import PromptFolder, PromptRegistry, PromptTemplate, load_folder
from mcp_server.prompts.folder import FILE_LIMIT


def write(path: Path, prompt: str = "hello", front: str = "") -> Path:
    path.write_text(f"---\n{front}---\n{prompt}\n")
    return path


@pytest.fixture
def registry() -> PromptRegistry:
    return PromptRegistry()


def said(registry: PromptRegistry) -> dict[str, str]:
    return {kept.template.name: kept.template.prompt for kept in registry.list_prompts()}


def test_the_files_of_a_folder_are_registered(registry: PromptRegistry, tmp_path: Path) -> None:
    write(tmp_path / "b.md")
    write(tmp_path / "a.md", "hi", "name: first\n")
    write(tmp_path / ".hidden.md")
    (tmp_path / "notes.txt").write_text("x")
    loaded = load_folder(registry, tmp_path)
    assert said(registry) == {"b": "hello", "first": "hi"}
    assert [template.name for template in loaded.prompts] == ["first", "b"]
    assert loaded.problems == ()


def test_a_bad_file_is_told_with_its_line_and_harms_no_other(registry: PromptRegistry, tmp_path: Path) -> None:
    write(tmp_path / "bad.md", "one\n{a}")
    write(tmp_path / "good.md")
    loaded = load_folder(registry, str(tmp_path))
    assert said(registry) == {"good": "hello"}
    assert list(map(str, loaded.problems)) == ["bad.md:4: {a} stands for no argument that is declared"]


def test_the_last_good_version_stays_until_there_is_a_better_one(registry: PromptRegistry, tmp_path: Path) -> None:
    folder, file = PromptFolder(registry, tmp_path), tmp_path / "a.md"
    write(file)
    folder.load()
    write(file, "{")
    loaded = folder.load()
    assert said(registry) == {"a": "hello"}
    assert [template.prompt for template in loaded.prompts] == ["hello"]
    assert [problem.line for problem in loaded.problems] == [3]
    assert folder.load() == loaded
    write(file, "{{")
    assert folder.load().problems == ()
    assert said(registry) == {"a": "{{"}
    assert registry.get_prompt("a").version == 2


def test_a_file_that_goes_away_is_unregistered(registry: PromptRegistry, tmp_path: Path) -> None:
    folder = PromptFolder(registry, tmp_path)
    write(tmp_path / "a.md", "{")
    write(tmp_path / "b.md")
    folder.load()
    for name in ("a.md", "b.md"):
        (tmp_path / name).unlink()
    assert folder.load() == load_folder(PromptRegistry(), tmp_path)
    assert said(registry) == {}


def test_a_file_that_gets_another_name_is_another_prompt(registry: PromptRegistry, tmp_path: Path) -> None:
    folder = PromptFolder(registry, tmp_path)
    write(tmp_path / "a.md")
    folder.load()
    write(tmp_path / "a.md", front="name: b\n")
    folder.load()
    assert said(registry) == {"b": "hello"}
    (tmp_path / "a.md").rename(tmp_path / "c.md")
    folder.load()
    assert said(registry) == {"b": "hello"}
    assert registry.get_prompt("b").version == 1


def test_of_two_files_with_one_name_the_first_counts(registry: PromptRegistry, tmp_path: Path) -> None:
    folder = PromptFolder(registry, tmp_path)
    write(tmp_path / "a.md", "one", "name: x\n")
    write(tmp_path / "b.md", "two", "name: x\n")
    (problem,) = folder.load().problems
    assert str(problem) == "b.md:1: a.md holds a prompt x already"
    assert said(registry) == {"x": "one"}
    (tmp_path / "a.md").unlink()
    assert folder.load().problems == ()
    assert said(registry) == {"x": "two"}


def test_a_file_takes_the_place_of_a_template_in_code_and_gives_it_back(
    registry: PromptRegistry, tmp_path: Path
) -> None:
    registry.register_prompt(PromptTemplate("a", "", "from code"))
    folder = PromptFolder(registry, tmp_path)
    write(tmp_path / "a.md")
    folder.load()
    assert said(registry) == {"a": "hello"}
    write(tmp_path / "a.md", "again")
    folder.load()
    (tmp_path / "a.md").unlink()
    folder.load()
    assert said(registry) == {"a": "from code"}
    assert registry.get_prompt("a").version == 4


def test_what_somebody_else_registered_since_is_left_alone(registry: PromptRegistry, tmp_path: Path) -> None:
    folder = PromptFolder(registry, tmp_path)
    write(tmp_path / "a.md")
    folder.load()
    registry.register_prompt(PromptTemplate("a", "", "newer"))
    folder.load()
    assert said(registry) == {"a": "newer"}
    (tmp_path / "a.md").unlink()
    folder.load()
    assert said(registry) == {"a": "newer"}


def test_subscribers_hear_of_a_folder_once(registry: PromptRegistry, tmp_path: Path) -> None:
    heard = list[int]()
    registry.subscribe(lambda: heard.append(len(registry)))
    for name in "abc":
        write(tmp_path / f"{name}.md")
    folder = PromptFolder(registry, tmp_path)
    folder.load()
    folder.load()
    assert heard == [3]


def test_links_may_lead_to_what_is_in_the_folder_and_not_out_of_it(registry: PromptRegistry, tmp_path: Path) -> None:
    folder = tmp_path / "prompts"
    (folder / "..data").mkdir(parents=True)
    write(folder / "..data" / "real.md", "inside")
    write(tmp_path / "secret.md", "outside")
    (folder / "in.md").symlink_to("..data/real.md")
    (folder / "out.md").symlink_to("../secret.md")
    (folder / "round.md").symlink_to("round.md")
    (folder / "nowhere.md").symlink_to("nothing.md")
    (tmp_path / "link").symlink_to(folder)
    loaded = load_folder(registry, tmp_path / "link")
    assert said(registry) == {"in": "inside"}
    assert [(problem.file, problem.line) for problem in loaded.problems] == [
        ("nowhere.md", 1),
        ("out.md", 1),
        ("round.md", 1),
    ]
    assert "out of the folder" in loaded.problems[1].problem


def test_what_is_no_file_or_too_large_is_told_at_once(registry: PromptRegistry, tmp_path: Path) -> None:
    (tmp_path / "folder.md").mkdir()
    os.mkfifo(tmp_path / "pipe.md")
    with (tmp_path / "sparse.md").open("wb") as file:
        file.truncate(1 << 32)
    loaded = load_folder(registry, tmp_path)
    assert [problem.file for problem in loaded.problems] == ["folder.md", "pipe.md", "sparse.md"]
    assert "not a regular file" in loaded.problems[1].problem
    assert f"more than {FILE_LIMIT} bytes" in loaded.problems[2].problem


def test_only_so_many_files_are_read(registry: PromptRegistry, tmp_path: Path) -> None:
    for number in range(502):
        write(tmp_path / f"{number:03}.md")
    loaded = load_folder(registry, tmp_path)
    assert len(registry) == len(loaded.prompts) == 500
    assert list(map(str, loaded.problems)) == ["500.md:1: only the first 500 files are read"]


def test_a_full_registry_is_told_and_tried_again(tmp_path: Path) -> None:
    registry = PromptRegistry([PromptTemplate("x", "", "x")], most_prompts=2)
    for name in "ab":
        write(tmp_path / f"{name}.md")
    folder = PromptFolder(registry, tmp_path)
    loaded = folder.load()
    assert [problem.file for problem in loaded.problems] == ["b.md"]
    assert [template.name for template in loaded.prompts] == ["a"]
    registry.unregister_prompt("x")
    assert folder.load().problems == ()
    assert said(registry) == {"a": "hello", "b": "hello"}


@pytest.mark.parametrize("there", [False, True])
def test_a_folder_that_is_none_is_an_error(registry: PromptRegistry, tmp_path: Path, there: bool) -> None:
    if there:
        (tmp_path / "x").touch()
    with pytest.raises(NotADirectoryError if there else FileNotFoundError, match="x"):
        load_folder(registry, tmp_path / "x")


CHANGES = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["x", "y", "z", ""]), st.sampled_from(["one", "two", "{", ""])),
    max_size=12,
)


@given(CHANGES)
def test_a_registry_in_step_holds_what_the_folder_held_last(changes: list[tuple[str, str, str]]) -> None:
    """Files with the prompt x, y, z or their own name, against what each held when it was last good."""
    code = {"x": "from code"}
    with TemporaryDirectory() as path:
        registry = PromptRegistry([PromptTemplate("x", "", "from code")])
        folder, files = PromptFolder(registry, path), dict[str, tuple[str, str]]()
        for file, name, prompt in changes:
            target = Path(path) / f"{file}.md"
            if not prompt:
                target.unlink(missing_ok=True)
                files.pop(file, None)
            else:
                write(target, prompt, f"name: {name}\n" if name else "")
                if prompt != "{":
                    files[file] = (name or file, prompt)
            folder.load()
            expected = dict(code)
            for _, (called, text) in sorted(files.items(), reverse=True):
                expected[called] = text
            assert said(registry) == expected


@pytest.mark.skipif(sys.platform == "darwin", reason="file names are text there")
def test_a_file_whose_name_is_no_text_can_be_told(registry: PromptRegistry, tmp_path: Path) -> None:
    write(tmp_path / os.fsdecode(b"\xff.md"))
    (problem,) = load_folder(registry, tmp_path).problems
    assert str(problem) == "\ufffd.md:1: name holds text that is not valid Unicode"
