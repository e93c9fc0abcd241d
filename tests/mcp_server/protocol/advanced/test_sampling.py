"""The parameters of a completion, and what each wrong one is told."""

from typing import Any

import pytest

from events import codes
from mcp_server.protocol.advanced import CompletionRequest, InvalidRequest, SamplingConfig


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"temperature": 2.1}, "temperature must be a number from 0 to 2, not 2.1"),
        ({"temperature": float("nan")}, "temperature must be a number from 0 to 2, not nan"),
        ({"temperature": True}, "temperature must be a number from 0 to 2, not true"),
        ({"temperature": "hot"}, "temperature must be a number from 0 to 2, not 'hot'"),
        ({"max_tokens": 0}, "max_tokens must be an integer from 1 to 32768, not 0"),
        ({"max_tokens": 1.5}, "max_tokens must be an integer from 1 to 32768, not 1.5"),
        ({"max_tokens": 10**400}, "max_tokens must be an integer from 1 to 32768, not a larger one"),
        ({"top_p": 0}, "top_p must be more than 0; for the likeliest token alone set temperature to 0"),
        ({"top_p": -0.1}, "top_p must be a number from 0 to 1, not -0.1"),
        ({"top_k": 0}, "top_k must be an integer from 1 to 1000, not 0"),
        ({"stop": ""}, "stop[0] must have 1 to 256 characters, not 0"),
        ({"stop": ["a", 1]}, "stop[1] must be a string, not 1"),
        ({"stop": ["a"] * 17}, "stop must be a string or up to 16 of them"),
        ({"stop": {"a": 1}}, "stop must be a string or up to 16 of them"),
        ({"seed": -1}, "seed must be an integer from 0 to 9223372036854775807, not -1"),
        ({"n": 17}, "n must be an integer from 1 to 16, not 17"),
    ],
)
def test_a_wrong_parameter_is_named_with_its_bounds(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        SamplingConfig(**given)
    assert caught.value.message == words
    assert caught.value.code == codes.INVALID_PARAMS
    with pytest.raises(InvalidRequest) as caught:
        CompletionRequest.from_json({"prompt": "", "sampling": given})
    assert caught.value.message == f"params.sampling.{words}"


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "params.prompt is missing: the text that is to be continued"),
        ([], "params must be an object, not an array"),
        ({"prompt": 1}, "params.prompt must be a string, not 1"),
        ({"prompt": "\ud800"}, "params.prompt must be Unicode text; character 0 is a lone surrogate"),
        ({"prompt": "x" * 400_001}, "params.prompt must have 0 to 400000 characters, not 400001"),
        ({"prompt": "x", "modle": "y"}, "params has no member 'modle'; did you mean model?"),
        ({"prompt": "x", "model": ""}, "params.model must have 1 to 256 characters, not 0"),
        ({"prompt": "x", "sampling": 3}, "params.sampling must be an object, not 3"),
        (
            {"prompt": "x", "sampling": {"temprature": 1}},
            "params.sampling has no member 'temprature'; did you mean temperature?",
        ),
    ],
)
def test_what_is_wrong_with_the_parameters_of_a_request_is_said(params: Any, words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        CompletionRequest.from_json(params)
    assert caught.value.message == words


def test_what_is_left_out_has_its_default() -> None:
    assert CompletionRequest.from_json({"prompt": "x"}) == CompletionRequest("x")
    assert CompletionRequest.from_json({"prompt": "x", "sampling": {"stop": "y"}}).sampling.stops == ("y",)


def test_arguments_may_be_given_by_position() -> None:
    request = CompletionRequest("x", "template", SamplingConfig(0.5, 10, 0.9, 5, ["a", "b"], 7, 2))
    assert (request.sampling.top_k, request.sampling.stops, request.sampling.n) == (5, ("a", "b"), 2)
