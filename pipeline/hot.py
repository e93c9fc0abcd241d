"""A source of values for the listeners on one event loop."""

from collections.abc import Callable
from typing import Generic, TypeVar

from reactivex import Observable
from reactivex.abc import DisposableBase, ObserverBase, OnCompleted, OnError, SchedulerBase
from reactivex.disposable import Disposable

Value = TypeVar("Value")


class Hot(Observable[Value], Generic[Value]):
    """Hands each value to all who have subscribed, in the order in which they did.

    A ``Subject`` without its locks, its copies and its end: those are for threads, and cost four times the rest. As it
    never ends, a function listens as it is, with no observer around it to guard it from what comes after an end: what
    it raises reaches whoever emits, and it goes on listening.
    """

    def __init__(self) -> None:
        super().__init__()
        self._listeners: tuple[Callable[[Value], None], ...] = ()

    def emit(self, value: Value) -> None:
        """Hand ``value`` to everyone."""
        for listen in self._listeners:
            listen(value)

    def subscribe(
        self,
        on_next: ObserverBase[Value] | Callable[[Value], None] | None = None,
        on_error: OnError | None = None,
        on_completed: OnCompleted | None = None,
        *,
        scheduler: SchedulerBase | None = None,
    ) -> DisposableBase:
        """As any observable. There is neither an error nor an end to tell of."""
        if callable(on_next):
            return self._listen(on_next)
        return super().subscribe(on_next, on_error, on_completed, scheduler=scheduler)

    def _subscribe_core(self, observer: ObserverBase[Value], scheduler: SchedulerBase | None = None) -> DisposableBase:  # noqa: ARG002
        return self._listen(observer.on_next)

    def _listen(self, listener: Callable[[Value], None]) -> DisposableBase:
        self._listeners = (*self._listeners, listener)
        return Disposable(lambda: self._forget(listener))

    def _forget(self, listener: Callable[[Value], None]) -> None:
        where = next(index for index, each in enumerate(self._listeners) if each is listener)
        self._listeners = (*self._listeners[:where], *self._listeners[where + 1 :])
