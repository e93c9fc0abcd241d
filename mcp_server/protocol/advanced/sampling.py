"""How a model chooses among the tokens that can come next."""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import force_setattr

from mcp_server.protocol.invalid import InvalidRequest, integer, known_keys, number, text

MOST_TOKENS: Final = 32_768
MOST_CHOICES: Final = 16
MOST_STOPS: Final = 16
STOP_LIMIT: Final = 256
SEED_LIMIT: Final = 2**63 - 1


class SamplingConfig(Struct, frozen=True):
    """The sampling of one completion.

    Attributes:
        temperature: 0 to 2. Below 1 likely tokens become likelier, above 1 less so; 0 always takes the likeliest.
        max_tokens: The most tokens of one choice, 1 to 32768.
        top_p: 0 to 1, not 0: only the likeliest tokens are drawn from that have this share together (nucleus sampling,
            Holtzman et al. 2020).
        top_k: 1 to 1000: only so many of the likeliest tokens are drawn from; None for all.
        stop: Up to 16 strings of 1 to 256 characters, or one of them. A text ends before the first that would appear.
        seed: 0 to 2^63-1: the same request with the same seed has the same text, as far as the model can promise that.
            None has one drawn.
        n: How many choices, 1 to 16.

    Raises:
        InvalidRequest: One of them is something else; the text names it and its bounds.
    """

    temperature: float = 0.7
    max_tokens: int = 256
    top_p: float = 1.0
    top_k: int | None = None
    stop: tuple[str, ...] | list[str] | str = ()
    seed: int | None = None
    n: int = 1

    def __post_init__(self) -> None:
        number(self.temperature, "temperature", 0, 2)
        integer(self.max_tokens, "max_tokens", 1, MOST_TOKENS)
        number(self.top_p, "top_p", 0, 1)
        if self.top_p == 0:
            raise InvalidRequest("top_p must be more than 0; for the likeliest token alone set temperature to 0")
        if self.top_k is not None:
            integer(self.top_k, "top_k", 1, 1000)
        force_setattr(self, "stop", _checked_stops(self.stop))
        if self.seed is not None:
            integer(self.seed, "seed", 0, SEED_LIMIT)
        integer(self.n, "n", 1, MOST_CHOICES)

    @property
    def stops(self) -> tuple[str, ...]:
        """The strings that end a text."""
        return tuple(self.stop)  # __post_init__ made a tuple of whatever was given

    @classmethod
    def from_json(cls, value: Any, place: str = "params.sampling") -> "SamplingConfig":
        """The sampling that a JSON object describes; members that it leaves out have their defaults.

        Raises:
            InvalidRequest: A member is unknown or wrong.
        """
        members: Mapping[str, Any] = known_keys(value, cls.__struct_fields__, place)
        try:
            return cls(**members)
        except InvalidRequest as error:
            raise InvalidRequest(f"{place}.{error.message}") from None


def _checked_stops(stop: Any) -> tuple[str, ...]:
    stops = (stop,) if isinstance(stop, str) else stop
    if not isinstance(stops, tuple | list) or len(stops) > MOST_STOPS:
        raise InvalidRequest(f"stop must be a string or up to {MOST_STOPS} of them")
    for index, each in enumerate(stops):
        text(each, f"stop[{index}]", 1, STOP_LIMIT)
    return tuple(stops)
