"""Drawing the next token, against what the definitions say."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.protocol.advanced import SamplingConfig
from mcp_server.protocol.advanced.template.candidates import Candidate, Candidates
from mcp_server.protocol.advanced.template.markov import Markov
from mcp_server.protocol.advanced.template.sampler import Sampler
from mcp_server.protocol.advanced.template.tokens import END, tokens_of

OPTIONS = st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.floats(1e-6, 1e6), min_size=1, max_size=8)


def allowed(options: dict[str, float], sampling: SamplingConfig) -> dict[str, float]:
    """The oracle: the tokens that may be drawn, with their probabilities, straight from the definitions."""
    ranked = sorted(options, key=lambda token: (-options[token], token))[: sampling.top_k]
    most = max(options.values())
    powers = {token: (options[token] / most) ** (1 / sampling.temperature) for token in ranked}
    kept: list[str] = []
    for token in ranked:
        if sum(powers[each] for each in kept) >= sampling.top_p * sum(powers.values()):
            break
        kept.append(token)
    sum_ = sum(powers[token] for token in kept)
    return {token: powers[token] / sum_ for token in kept}


@given(
    options=OPTIONS,
    temperature=st.floats(0.05, 2),
    top_k=st.one_of(st.none(), st.integers(1, 8)),
    top_p=st.floats(0.01, 1),
    seed=st.integers(0, 100),
)
def test_only_tokens_that_the_parameters_allow_are_drawn(
    options: dict[str, float], temperature: float, top_k: int | None, top_p: float, seed: int
) -> None:
    sampling = SamplingConfig(temperature=temperature, top_k=top_k, top_p=top_p)
    sampler = Sampler(sampling, str(seed))
    possible = allowed(options, sampling)
    assert {sampler.pick(options) for _ in range(20)} <= set(possible)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_tokens_are_drawn_as_often_as_their_weights_say(temperature: float) -> None:
    options = {"a": 8.0, "b": 4.0, "c": 2.0, "d": 0.01}
    sampling = SamplingConfig(temperature=temperature, top_k=3)
    sampler = Sampler(sampling, "1")
    drawn = Counter(sampler.pick(options) for _ in range(20_000))
    for token, share in allowed(options, sampling).items():
        assert drawn[token] / 20_000 == pytest.approx(share, abs=0.015)


@given(OPTIONS)
def test_without_temperature_the_likeliest_is_taken(options: dict[str, float]) -> None:
    picked = Sampler(SamplingConfig(temperature=0), "1").pick(options)
    assert options[picked] == max(options.values())
    turned = dict(reversed(options.items()))
    assert Sampler(SamplingConfig(temperature=0), "2").pick(turned) == picked


@given(OPTIONS, st.floats(0, 2, exclude_min=True))
def test_the_order_of_the_options_makes_no_difference(options: dict[str, float], temperature: float) -> None:
    turned = dict(reversed(options.items()))
    one, other = (Sampler(SamplingConfig(temperature=temperature), "7") for _ in range(2))
    assert [one.pick(options) for _ in range(9)] == [other.pick(turned) for _ in range(9)]


@given(st.text())
def test_tokens_joined_are_the_text(text: str) -> None:
    assert "".join(tokens_of(text)) == text


@given(st.lists(st.tuples(st.text("ab \n", max_size=6), st.floats(0.1, 9)), min_size=1, max_size=6), st.integers(0, 50))
def test_what_is_drawn_from_candidates_is_one_of_them_whole(texts: list[tuple[str, float]], seed: int) -> None:
    source, sampler = Candidates([Candidate(*each) for each in texts]), Sampler(SamplingConfig(2.0), str(seed))
    drawn = ""
    while (token := sampler.pick(source.options())) != END:
        source.take(token)
        drawn += token
    assert drawn in {text for text, _ in texts}


def test_candidates_are_as_likely_as_their_weights() -> None:
    source = Candidates([Candidate("a b", 1.0), Candidate("a c", 2.0), Candidate("d", 4.0), Candidate("a", 0.5)])
    assert source.options() == {"a": 3.5, "d": 4.0}
    source.take("a")
    assert source.options() == {" b": 1.0, " c": 2.0, END: 0.5}


def test_a_chain_backs_off_to_the_context_that_it_knows() -> None:
    chain = Markov([(list("abcd"), 1.0), (list("xbce"), 1.0), (list("cf"), 2.0)])
    shares = chain.walk(["a", "b", "c"]).options()
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares["d"] > shares["e"] > 0
    assert "f" not in shares  # in the middle of a sentence one word in common is not enough
    assert chain.walk(["z", "c"]).options() == {"d": 0.25, "e": 0.25, "f": 0.5}
    assert set(chain.walk(["never", "seen"]).options()) == {"a", "b", "c", "d", "e", "f", "x", END}


def test_a_chain_may_begin_any_sentence_after_another_and_joins_what_it_never_saw() -> None:
    chain = Markov([(list("ab.cd"), 1.0), (list("xy.z"), 1.0)], {"b", "."})
    shares = chain.walk(list("ab.")).options()
    assert shares["c"] > shares["z"] > 0
    assert chain.walk(["never", "seen"]).options() == pytest.approx({"b": 1 / 3, ".": 2 / 3})
