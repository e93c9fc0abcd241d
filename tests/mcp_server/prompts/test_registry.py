import threading

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from structlog.testing import capture_logs

from mcp_server.calls import CallRefused
from mcp_server.prompts import PromptArgument, PromptRegistry, PromptTemplate, UnusableTemplate


def template(name: str = "t", prompt: str = "one", **others: object) -> PromptTemplate:
    return PromptTemplate(name, "", prompt, **others)  # type: ignore[arg-type]


async def test_a_prompt_is_generated_from_its_arguments() -> None:
    registry = PromptRegistry([template(prompt="<{a}>", arguments=[PromptArgument("a")])])
    assert await registry.generate_prompt("t", {"a": "{b}"}) == "<{b}>"
    with pytest.raises(CallRefused, match="unknown prompt: tt; did you mean t"):
        await registry.generate_prompt("tt", {})


async def test_a_changed_template_is_a_new_version_and_the_old_one_stays() -> None:
    registry = PromptRegistry([template()])
    assert registry.register_prompt(template(prompt="two")) == 2
    assert await registry.generate_prompt("t", {}) == "two"
    assert await registry.generate_prompt("t", {}, version=1) == "one"
    with pytest.raises(CallRefused, match="version 3 is not kept; there are 1, 2"):
        await registry.generate_prompt("t", {}, version=3)


def test_equal_content_makes_no_new_version() -> None:
    registry = PromptRegistry([template(tags=["a"])])
    assert registry.register_prompt(template(tags=("a", "a"))) == 1
    assert registry.revision == 1
    assert registry.register_prompt(template(tags=["b"])) == 2


def test_only_the_last_versions_are_kept() -> None:
    registry = PromptRegistry(most_versions=2)
    for number in range(5):
        registry.register_prompt(template(prompt=str(number)))
    assert [registry.get_prompt("t", version).template.prompt for version in (4, 5)] == ["3", "4"]
    with pytest.raises(CallRefused, match="there are 4, 5"):
        registry.get_prompt("t", 3)


def test_a_prompt_that_comes_back_goes_on_with_its_numbers() -> None:
    registry = PromptRegistry([template()])
    assert registry.unregister_prompt("t")
    assert not registry.unregister_prompt("t")
    assert "t" not in registry
    with pytest.raises(CallRefused):
        registry.get_prompt("t", 1)
    assert registry.register_prompt(template()) == 1
    registry.unregister_prompt("t")
    assert registry.register_prompt(template(prompt="two")) == 2
    assert registry.get_prompt("t", 1).template.prompt == "one"


def test_there_is_a_bound_on_prompts_and_on_those_that_have_gone() -> None:
    registry = PromptRegistry(most_prompts=2)
    for name in ("a", "b"):
        registry.register_prompt(template(name))
    with pytest.raises(UnusableTemplate, match="there are 2 prompts already"):
        registry.register_prompt(template("c"))
    assert registry.register_prompt(template("a", "two")) == 2
    for number in range(10):
        registry.unregister_prompt(f"{number - 1}" if number else "a")
        registry.register_prompt(template(f"{number}"))
    assert len(registry._retired) == 2
    assert len(registry) == 2


def test_only_a_template_is_registered() -> None:
    with pytest.raises(UnusableTemplate, match="a PromptTemplate is expected, not str"):
        PromptRegistry().register_prompt("x")  # type: ignore[arg-type]


def test_prompts_are_listed_by_name_category_and_tag() -> None:
    registry = PromptRegistry(
        [
            template("c", category="Docs", tags=["x"]),
            template("a", category="docs", tags=["X", "y"]),
            template("b", category="code", tags=["y"]),
        ]
    )

    def names(category: str | None = None, tag: str | None = None) -> list[str]:
        return [kept.template.name for kept in registry.list_prompts(category, tag)]

    assert names() == ["a", "b", "c"]
    assert names("docs") == ["a", "c"]
    assert names(tag="y") == ["a", "b"]
    assert names("code", "x") == []
    assert names("", None) == []


def test_subscribers_hear_of_changes_only_and_until_they_leave() -> None:
    registry, heard = PromptRegistry(), list[str]()
    leave = registry.subscribe(lambda: heard.append("one"))
    registry.subscribe(lambda: heard.append("other"))
    registry.register_prompt(template())
    assert heard == ["one", "other"]
    registry.register_prompt(template())
    registry.unregister_prompt("nothing")
    assert heard == ["one", "other"]
    leave()
    leave()
    registry.unregister_prompt("t")
    assert heard == ["one", "other", "other"]


def test_the_same_callback_may_subscribe_twice() -> None:
    registry, heard = PromptRegistry(), list[int]()

    def hear() -> None:
        heard.append(registry.revision)

    leave = registry.subscribe(hear)
    registry.subscribe(hear)
    leave()
    registry.register_prompt(template())
    assert heard == [1]


def test_a_subscriber_that_fails_harms_nobody() -> None:
    registry, heard = PromptRegistry(), list[int]()

    def fail() -> None:
        raise ValueError

    registry.subscribe(fail)
    registry.subscribe(lambda: heard.append(1))
    with capture_logs() as logs:
        assert registry.register_prompt(template()) == 1
    assert heard == [1]
    assert [line["event"] for line in logs] == ["a subscriber to the prompts failed"]


def test_a_batch_is_told_once_even_when_it_fails() -> None:
    registry, heard = PromptRegistry(), list[int]()
    registry.subscribe(lambda: heard.append(registry.revision))

    def change() -> None:
        with registry.batch():
            registry.register_prompt(template("a"))
            with registry.batch():
                registry.register_prompt(template("b"))
            assert heard == []
            raise KeyError

    with pytest.raises(KeyError):
        change()
    assert heard == [2]


def test_a_subscriber_may_change_the_registry() -> None:
    registry = PromptRegistry()

    def pair() -> None:
        registry.register_prompt(template("other"))

    registry.subscribe(pair)
    registry.register_prompt(template())
    assert len(registry) == 2


def test_versions_from_many_threads_are_all_different() -> None:
    registry = PromptRegistry(most_versions=1_000)
    versions: list[int] = []

    def register(thread: int) -> None:
        for number in range(50):
            versions.append(registry.register_prompt(template(prompt=f"{thread}.{number}")))
            registry.search_prompts("t", 1)

    threads = [threading.Thread(target=register, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(versions) == list(range(1, 201))
    assert registry.revision == 200


class Histories(RuleBasedStateMachine):
    """A registry against a plain list of everything that was ever registered under a name."""

    def __init__(self) -> None:
        super().__init__()
        self.registry = PromptRegistry(most_versions=3)
        self.all: dict[str, list[str]] = {}
        self.live: set[str] = set()
        self.changes = 0
        self.heard = 0
        self.registry.subscribe(self.hear)

    def hear(self) -> None:
        self.heard += 1

    @rule(name=st.sampled_from("abc"), prompt=st.sampled_from("123"))
    def register(self, name: str, prompt: str) -> None:
        prompts = self.all.setdefault(name, [])
        if not prompts or prompts[-1] != prompt:
            prompts.append(prompt)
            self.changes += 1
        elif name not in self.live:
            self.changes += 1
        self.live.add(name)
        assert self.registry.register_prompt(template(name, prompt)) == len(prompts)

    @rule(name=st.sampled_from("abc"))
    def unregister(self, name: str) -> None:
        self.changes += name in self.live
        assert self.registry.unregister_prompt(name) == (name in self.live)
        self.live.discard(name)

    @invariant()
    def the_same_can_be_rendered(self) -> None:
        for name in self.live:
            prompts = self.all[name]
            for version in range(1, len(prompts) + 2):
                if len(prompts) - 3 < version <= len(prompts):
                    assert self.registry.get_prompt(name, version).template.prompt == prompts[version - 1]
                else:
                    with pytest.raises(CallRefused):
                        self.registry.get_prompt(name, version)
        assert {kept.template.name for kept in self.registry.list_prompts()} == self.live
        assert self.registry.revision == self.heard == self.changes


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=50, stateful_step_count=30)
