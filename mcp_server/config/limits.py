"""The rate limit that three plain settings stand for."""

from typing import Final

from operators.limits.limit import EVERY_METHOD, Algorithm
from operators.policy import Limit

DEFAULT: Final = "default"
"""Its name, which refusals tell."""


def default_limit(requests: int, window: float, algorithm: Algorithm) -> Limit:
    """At most ``requests`` of any method in ``window`` seconds, for each caller: a principal at an address.

    Raises:
        ValueError: The algorithm cannot count so.
    """
    return Limit(
        DEFAULT,
        "principal+address",
        methods=(EVERY_METHOD,),
        algorithm=algorithm.value,
        requests=float(requests),
        window=window,
    )
