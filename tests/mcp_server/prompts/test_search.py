import gc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcp_server.prompts import BUILT_IN, PromptRegistry, PromptTemplate

BUILTIN = PromptRegistry(BUILT_IN)


def search(query: str, registry: PromptRegistry = BUILTIN, limit: int = 10) -> list[str]:
    return [kept.template.name for kept in registry.search_prompts(query, limit)]


@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("documentation", "generate_documentation"),
        ("docs", "generate_documentation"),
        ("code review", "code_review"),
        ("code_review", "code_review"),
        ("please review my code!", "code_review"),
        ("find a bug", "bug_analysis"),
        ("debug", "bug_analysis"),
        ("unit tests", "generate_tests"),
        ("TESTING", "generate_tests"),
        ("refactor", "refactor_suggestions"),
        ("why is it slow? performance", "performance_analysis"),
        ("optimisation profiling", "performance_analysis"),
    ],
)
def test_the_best_comes_first(query: str, best: str) -> None:
    assert search(query)[0] == best


def test_a_word_in_the_name_weighs_more_than_one_in_the_text() -> None:
    registry = PromptRegistry(
        [
            PromptTemplate("one", "", "zebra " * 15),
            PromptTemplate("two", "zebra " * 5, "x"),
            PromptTemplate("three", "", "x", tags=["zebra"]),
            PromptTemplate("zebra", "", "x"),
            *(PromptTemplate(f"other{number}", "", "y") for number in range(20)),
        ]
    )
    assert search("zebra", registry) == ["zebra", "three", "two", "one"]
    assert search("zebra", registry, 2) == ["zebra", "three"]


def test_categories_titles_endings_accents_and_beginnings_are_found() -> None:
    registry = PromptRegistry(
        [
            PromptTemplate("a", "", "x", category="gardening"),
            PromptTemplate("b", "", "x", title="Résumé"),
            PromptTemplate("c", "", "watering the flowers"),
        ]
    )
    assert search("gardens", registry) == ["a"]
    assert search("resume", registry) == ["b"]
    assert search("re\u0301sume\u0301", registry) == ["b"]
    assert search("flo", registry) == ["c"]
    assert search("fl", registry) == []


@pytest.mark.parametrize("query", ["", "  ", "?!", '"', "*", "___", "\0", "\ud800"])
def test_a_query_without_a_word_finds_everything_by_name(query: str) -> None:
    assert search(query) == sorted(template.name for template in BUILT_IN)
    assert len(search(query, limit=2)) == 2


@pytest.mark.parametrize(
    "query",
    ["name:review", "name : review", "{name tags}: review", "- name: review", "^review", '"review"', "review AND"],
)
def test_the_syntax_of_the_index_means_nothing(query: str) -> None:
    words = query.replace(":", " ")
    assert set(search(query)) == set(search(words)) >= set(search("review"))


def test_operators_are_words() -> None:
    registry = PromptRegistry(
        [PromptTemplate("a", "", "x"), PromptTemplate("b", "", "y"), PromptTemplate("c", "", "near")]
    )
    assert search("a NOT b", registry) == ["a", "b"]
    assert search("a AND b", registry) == ["a", "b"]
    assert search("NEAR(x y, 0)", registry) == ["a", "b", "c"]


@given(st.text())
@example('") OR rank MATCH (')
@example("a\0b")
@example("x" * 1_000)
@example(" ".join(map(str, range(400))))
def test_any_text_is_a_query(query: str) -> None:
    assert set(search(query)) <= {template.name for template in BUILT_IN}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["red", "green", ""])), max_size=12))
def test_what_is_found_is_what_is_registered(changes: list[tuple[str, str]]) -> None:
    registry, there = PromptRegistry(), dict[str, str]()
    for name, word in changes:
        if word:
            registry.register_prompt(PromptTemplate(name, "", word))
            there[name] = word
        else:
            registry.unregister_prompt(name)
            there.pop(name, None)
        for wanted in ("red", "green"):
            assert sorted(search(wanted, registry)) == sorted(found for found, said in there.items() if said == wanted)


def test_an_index_leaves_nothing_open() -> None:
    registry = PromptRegistry(BUILT_IN)
    search("review", registry)
    index = registry._index
    assert index is not None
    database = index._database
    del registry, index
    gc.collect()
    with pytest.raises(Exception, match="closed"):
        database.execute("SELECT 1")
