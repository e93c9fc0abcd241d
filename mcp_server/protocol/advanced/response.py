"""What a completion comes back as: whole, or in pieces as they are found."""

from typing import Any

from msgspec import Struct


class Usage(Struct, frozen=True, gc=False):
    """What a completion took, in the model's own tokens.

    Attributes:
        estimated: Whether the model did not say and the tokens were counted here.
    """

    prompt_tokens: int
    completion_tokens: int
    estimated: bool = False

    @property
    def total_tokens(self) -> int:
        """Both together."""
        return self.prompt_tokens + self.completion_tokens

    def to_json(self) -> dict[str, Any]:
        """The usage as the object that is sent."""
        counted = {"prompt_tokens": self.prompt_tokens, "completion_tokens": self.completion_tokens}
        estimated = {"estimated": True} if self.estimated else {}
        return {**counted, "total_tokens": self.total_tokens, **estimated}


class Delta(Struct, frozen=True, gc=False):
    """A piece of a completion.

    Attributes:
        text: What comes next of the choice ``index``; may be empty.
        index: Which choice.
        finish_reason: On the last piece of a choice: ``stop`` (it was complete, or a stop string came) or ``length``
            (``max_tokens`` were reached); an endpoint may have others.
        usage: On the last piece of all.
        seed: On the last piece of all: what it was drawn with.
    """

    text: str = ""
    index: int = 0
    finish_reason: str | None = None
    usage: Usage | None = None
    seed: int | None = None


class Choice(Struct, frozen=True, gc=False):
    """One continuation. ``finish_reason`` is that of ``Delta``."""

    index: int
    text: str
    finish_reason: str


class CompletionResponse(Struct, frozen=True):
    """A completion as a whole.

    Attributes:
        model: The name that it was asked for.
        choices: In the order of their index.
        seed: The seed that was given or drawn; the same request with it has the same text.
    """

    model: str
    choices: tuple[Choice, ...]
    usage: Usage
    seed: int

    def to_json(self) -> dict[str, Any]:
        """The response as the result that is sent."""
        choices = [
            {"index": each.index, "text": each.text, "finish_reason": each.finish_reason} for each in self.choices
        ]
        return {"model": self.model, "choices": choices, "usage": self.usage.to_json(), "seed": self.seed}
