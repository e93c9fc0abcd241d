"""What a completion is asked with."""

from typing import Any, Final

from msgspec import Struct, field

from mcp_server.protocol.advanced.sampling import SamplingConfig
from mcp_server.protocol.invalid import InvalidRequest, known_keys, text

PROMPT_LIMIT: Final = 400_000
"""The longest prompt, in characters."""

DEFAULT_MODEL: Final = "template"


class CompletionRequest(Struct, frozen=True):
    """A text that is to be continued.

    Attributes:
        prompt: Up to 400,000 characters.
        model: The name under which the engine knows the model.
        sampling: How the continuation is drawn.

    Raises:
        InvalidRequest: One of them is something else.
    """

    prompt: str
    model: str = DEFAULT_MODEL
    sampling: SamplingConfig = field(default_factory=SamplingConfig)

    def __post_init__(self) -> None:
        text(self.prompt, "prompt", 0, PROMPT_LIMIT)
        text(self.model, "model", 1, 256)
        if not isinstance(self.sampling, SamplingConfig):
            raise InvalidRequest("sampling must be a SamplingConfig")

    @classmethod
    def from_json(cls, value: Any, place: str = "params") -> "CompletionRequest":
        """The request that the parameters of ``completion/generate`` describe.

        Raises:
            InvalidRequest: A member is missing, unknown or wrong.
        """
        members = known_keys(value, ("prompt", "model", "sampling", "_meta"), place)
        if "prompt" not in members:
            raise InvalidRequest(f"{place}.prompt is missing: the text that is to be continued")
        sampling = SamplingConfig.from_json(members.get("sampling", {}), f"{place}.sampling")
        try:
            return cls(members["prompt"], members.get("model", DEFAULT_MODEL), sampling)
        except InvalidRequest as error:
            raise InvalidRequest(f"{place}.{error.message}") from None
