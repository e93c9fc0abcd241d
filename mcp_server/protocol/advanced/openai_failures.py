"""What went wrong with an endpoint, in words for the caller that hold no key."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from msgspec import Struct

from events.codes import INTERNAL_ERROR, OVERLOADED, TIMED_OUT
from mcp_server.features.validate import clip
from mcp_server.protocol.advanced.model import ModelFailed

NO_KEY: Final = "none"
"""The client wants a key; endpoints that need none do not look at it."""

_MOST_DIGITS: Final = 9  # of a time to wait


class Failures(Struct, frozen=True):
    """The failures of one endpoint.

    Attributes:
        timeout: Seconds that it had.
        max_retries: How often it was asked again.
        key: What must not be told.
    """

    timeout: float
    max_retries: int
    key: str

    def __repr__(self) -> str:
        return f"Failures(timeout={self.timeout!r}, max_retries={self.max_retries!r})"

    @contextmanager
    def told(self) -> Iterator[None]:
        """Tell whatever the client raises meanwhile.

        Raises:
            ModelFailed: Something went wrong.
        """
        from openai import APIConnectionError, APIStatusError, APITimeoutError

        try:
            yield
        except ModelFailed:
            raise
        except (TimeoutError, APITimeoutError):
            raise ModelFailed(TIMED_OUT, f"the endpoint did not answer within {self.timeout:g} s") from None
        except APIConnectionError:
            raise ModelFailed(INTERNAL_ERROR, f"the endpoint cannot be reached{self._tries()}") from None
        except APIStatusError as error:
            raise self._refused(error.status_code, error.response.headers.get("retry-after"), error.message) from None
        except Exception as error:  # noqa: BLE001 - whatever the client's parsers and sockets raise
            words = f"the endpoint's answer cannot be read as a completion ({type(error).__name__})"
            raise ModelFailed(INTERNAL_ERROR, f"{words}: is base_url right, and is the answer not too long?") from None

    def _refused(self, status: int, retry_after: str | None, message: str) -> ModelFailed:
        data: dict[str, Any] = {"status": status}
        if status in (401, 403):  # such answers may repeat the key
            return ModelFailed(INTERNAL_ERROR, f"the endpoint refuses the key (status {status}): check it", data)
        if retry_after is not None and retry_after.isdecimal() and len(retry_after) <= _MOST_DIGITS:
            data["retryAfter"] = int(retry_after)
        said = clip(message.replace(self.key, "***") if self.key != NO_KEY else message)
        code = OVERLOADED if status in (429, 503) else INTERNAL_ERROR
        tries = self._tries() if status in (408, 409, 429) or status >= 500 else ""
        return ModelFailed(code, f"the endpoint answered with status {status}{tries}: {said}", data)

    def _tries(self) -> str:
        return f" after {self.max_retries + 1} tries" if self.max_retries else ""
