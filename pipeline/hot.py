"""A source of values for the listeners on one event loop."""

from typing import Generic, TypeVar

from reactivex import Observable
from reactivex.abc import DisposableBase, ObserverBase, SchedulerBase
from reactivex.disposable import Disposable

Value = TypeVar("Value")


class Hot(Observable[Value], Generic[Value]):
    """Hands each value to all who have subscribed, in the order in which they did.

    A ``Subject`` without its locks, its copies and its end: those are for threads, and cost four times the rest.
    """

    def __init__(self) -> None:
        super().__init__()
        self._observers: tuple[ObserverBase[Value], ...] = ()

    def emit(self, value: Value) -> None:
        """Hand ``value`` to everyone."""
        for observer in self._observers:
            observer.on_next(value)

    def _subscribe_core(self, observer: ObserverBase[Value], scheduler: SchedulerBase | None = None) -> DisposableBase:  # noqa: ARG002
        self._observers = (*self._observers, observer)
        return Disposable(lambda: self._forget(observer))

    def _forget(self, observer: ObserverBase[Value]) -> None:
        self._observers = tuple(each for each in self._observers if each is not observer)
