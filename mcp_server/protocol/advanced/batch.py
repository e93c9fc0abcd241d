"""Carries out many requests as one."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import force_setattr

from events.codes import ABORTED, INTERNAL_ERROR
from events.event import RequestId
from mcp_server.calls import CallRefused
from mcp_server.protocol.invalid import InvalidRequest, boolean, integer, known_keys
from mcp_server.protocol.messages import JsonRpcError, JsonRpcRequest, JsonRpcResponse, check_id

_log: Final = logging.getLogger(__name__)

BATCH: Final = "batch"
MOST_ITEMS: Final = 100
MOST_CONCURRENT: Final = 100

Handler = Callable[[JsonRpcRequest], Awaitable[Any]]
"""Carries out one request: returns its result, or raises."""


class BatchRequest(Struct, frozen=True):
    """Requests that belong together.

    Attributes:
        id: What the batch is called.
        requests: At least one; no two with the same id, none of them a batch itself.
        parallel: Whether they may be under way at the same time.
        max_concurrent: How many of them at most, 1 to 100; without ``parallel`` it is always one.
        stop_on_error: Whether the first that fails ends the batch; those that have not ended then are cancelled.

    Raises:
        InvalidRequest: One of them is something else.
    """

    id: RequestId
    requests: tuple[JsonRpcRequest, ...] | list[JsonRpcRequest]
    parallel: bool = True
    max_concurrent: int = 5
    stop_on_error: bool = False

    def __post_init__(self) -> None:
        check_id(self.id, "id")
        if self.id is None:
            raise InvalidRequest("id must name the batch")
        if not isinstance(self.requests, tuple | list) or not self.requests:
            raise InvalidRequest("requests must be a list of at least one request")
        requests = tuple(self.requests)
        force_setattr(self, "requests", requests)
        boolean(self.parallel, "parallel")
        integer(self.max_concurrent, "max_concurrent", 1, MOST_CONCURRENT)
        boolean(self.stop_on_error, "stop_on_error")
        _check_requests(requests)

    @classmethod
    def from_json(cls, value: Any, place: str = "params") -> "BatchRequest":
        """The batch that the parameters of ``batch`` describe.

        Raises:
            InvalidRequest: A member is missing, unknown or wrong.
        """
        members = dict(known_keys(value, (*cls.__struct_fields__, "_meta"), place))
        members.pop("_meta", None)
        requests = members.get("requests")
        if "id" not in members or not isinstance(requests, list):
            raise InvalidRequest(f"{place}.id and {place}.requests must be there: a name and a list of requests")
        if len(requests) > MOST_ITEMS:  # before each of them is looked at
            raise InvalidRequest(f"{place}.requests must have at most {MOST_ITEMS} requests, not {len(requests)}")
        read = [JsonRpcRequest.from_json(each, f"{place}.requests[{at}]") for at, each in enumerate(requests)]
        try:
            return cls(**{**members, "requests": read})
        except InvalidRequest as error:
            raise InvalidRequest(f"{place}.{error.message}") from None


def _check_requests(requests: tuple[Any, ...]) -> None:
    seen: set[tuple[type, RequestId]] = set()  # 1 and "1" are two ids
    for at, request in enumerate(requests):
        if not isinstance(request, JsonRpcRequest):
            raise InvalidRequest(f"requests[{at}] must be a JsonRpcRequest")
        if request.method == BATCH:
            raise InvalidRequest(f"requests[{at}] is a batch: a batch has no batches in it")
        if request.id is not None:
            key = (type(request.id), request.id)
            if key in seen:
                raise InvalidRequest(f"requests[{at}].id is used twice in the batch")
            seen.add(key)


class BatchResponse(Struct, frozen=True):
    """What came of a batch.

    Attributes:
        id: The batch's.
        responses: One for each request that has an id, in the order of the requests.
        completed: Requests that were carried out, notifications among them.
        failed: Requests that ended with an error of their own.
        cancelled: Requests that had not ended, or not begun, when the batch was cancelled or stopped.
        duration: Seconds.
    """

    id: RequestId
    responses: tuple[JsonRpcResponse, ...]
    completed: int
    failed: int
    cancelled: int
    duration: float

    def to_json(self) -> dict[str, Any]:
        """The response as the result that is sent."""
        return {
            "id": self.id,
            "responses": [each.to_json() for each in self.responses],
            "completed": self.completed,
            "failed": self.failed,
            "cancelled": self.cancelled,
            "duration": round(self.duration, 6),
        }


class BatchProcessor:
    """Carries out batches.

    Args:
        handler: Carries out one request. ``CallRefused`` becomes an error with its code, message and data; any other
            exception an internal error that tells nothing of it.
        max_items: Requests that a batch may have.
    """

    def __init__(self, handler: Handler, max_items: int = MOST_ITEMS) -> None:
        integer(max_items, "max_items", 1, 10_000)
        self._handler = handler
        self._max_items = max_items
        self._running: dict[RequestId, _Run] = {}

    async def process_batch(self, batch: BatchRequest) -> BatchResponse:
        """Carry out the requests; one that fails leaves the others. Cancelled itself, it cancels what runs.

        Raises:
            InvalidRequest: It has too many requests, or one of its id is under way.
        """
        if len(batch.requests) > self._max_items:
            count = len(batch.requests)
            raise InvalidRequest(f"requests must have at most {self._max_items} requests, not {count}")
        if batch.id in self._running:
            raise InvalidRequest("a batch of this id is under way")
        run = self._running[batch.id] = _Run(batch, self._handler)
        try:
            return await run.to_its_end()
        finally:
            del self._running[batch.id]

    def cancel(self, id: RequestId) -> bool:
        """Cancel what runs of a batch; its response tells the rest as cancelled. False when it is not under way."""
        run = self._running.get(id)
        if run is None:
            return False
        run.stop("the batch was cancelled before this request was over")
        return True


class _Run:
    """One batch that is under way."""

    def __init__(self, batch: BatchRequest, handler: Handler) -> None:
        self._batch = batch
        self._handler = handler
        self._outcomes: list[JsonRpcError | Any] = [None] * len(batch.requests)
        self._ended = [False] * len(batch.requests)
        self._next = 0
        self._workers: list[asyncio.Task[None]] = []
        self._stopped = ""

    async def to_its_end(self) -> BatchResponse:
        began = time.monotonic()
        size = min(self._batch.max_concurrent, len(self._batch.requests)) if self._batch.parallel else 1
        self._workers = [_task(self._work()) for _ in range(size)]
        try:
            await asyncio.wait(self._workers)
        finally:
            if not all(worker.done() for worker in self._workers):  # we are cancelled ourselves
                self.stop("the batch was cancelled")
                await asyncio.wait(self._workers)
        return self._response(time.monotonic() - began)

    def stop(self, reason: str) -> None:
        """End what has not ended."""
        if not self._stopped:
            self._stopped = reason
            for worker in self._workers:
                if worker is not asyncio.current_task():
                    worker.cancel()

    async def _work(self) -> None:
        while self._next < len(self._batch.requests) and not self._stopped:
            at, self._next = self._next, self._next + 1
            outcome = await self._carry_out(self._batch.requests[at])
            if self._stopped:
                return  # it was told to end, and ended as it liked
            self._outcomes[at], self._ended[at] = outcome, True
            if self._batch.stop_on_error and isinstance(outcome, _Failed):
                self.stop("an earlier request of the batch failed")

    async def _carry_out(self, request: JsonRpcRequest) -> "Any | _Failed":
        try:
            return await self._handler(request)
        except CallRefused as refused:
            return _Failed(JsonRpcError(refused.code, refused.message, refused.data))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return _Failed(JsonRpcError(INTERNAL_ERROR, "the request was cancelled from within"))
        except Exception:  # noqa: BLE001 - whatever it was, the others go on
            _log.exception("a request of a batch failed", extra={"method": request.method})
            return _Failed(JsonRpcError(INTERNAL_ERROR, "internal error"))

    def _response(self, duration: float) -> BatchResponse:
        unended = JsonRpcError(ABORTED, self._stopped or "the request was not carried out")
        outcomes = [
            outcome if ended else _Failed(unended) for outcome, ended in zip(self._outcomes, self._ended, strict=True)
        ]
        failed = sum(isinstance(outcome, _Failed) for outcome in outcomes)
        cancelled = self._ended.count(False)
        responses = tuple(
            JsonRpcResponse(request.id, error=outcome.error)
            if isinstance(outcome, _Failed)
            else JsonRpcResponse(request.id, outcome)
            for request, outcome in zip(self._batch.requests, outcomes, strict=True)
            if request.id is not None
        )
        return BatchResponse(self._batch.id, responses, len(outcomes) - failed, failed - cancelled, cancelled, duration)


class _Failed(Struct, frozen=True):
    error: JsonRpcError


def _task(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    return asyncio.create_task(work, name="batch")
