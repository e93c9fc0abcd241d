"""Where an event stands in the log."""

from typing import NamedTuple, Self


class Position(NamedTuple):
    """An event's place: shown and read as ``1042.3``.

    Attributes:
        record: The number of its record in the whole log, 1 for the first.
        place: Its index in the record, facts and decisions counted in order, 0 for the first.
    """

    record: int
    place: int

    def __str__(self) -> str:
        return f"{self.record}.{self.place}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``1042.3``; ``1042`` stands for the end of that record.

        Raises:
            ValueError: It is no position.
        """
        record, dot, place = text.partition(".")
        if not (record.isascii() and record.isdigit() and (not dot or (place.isascii() and place.isdigit()))):
            raise ValueError(f"{text!r} is no position: write the record's number, or as 1042.3 with the event's place")
        return cls(int(record), int(place) if dot else _END)


_END = 2**31
