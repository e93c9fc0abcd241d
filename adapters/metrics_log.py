"""A log that measures its commits."""

from collections.abc import Callable, Iterator, Sequence
from time import perf_counter
from typing import Final

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from adapters.metrics_histogram import Histogram
from pipeline.log import Log, LogFailed, Row, VersionConflict

SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
SIZES: Final = (1e3, 4e3, 16e3, 64e3, 256e3, 1e6, 4e6)  # bytes
ROWS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)


class MeasuredLog:
    """Passes everything on to ``log``, and counts what it stored and how long that took.

    One commit here is one call of :meth:`append`, from the call until the log says that it is durable; a log may
    store several of them at once. It costs two readings of a clock for each.
    """

    def __init__(self, log: Log, clock: Callable[[], float] = perf_counter) -> None:
        self._log = log
        self._clock = clock
        self._seconds, self._bytes, self._rows = Histogram(SECONDS), Histogram(SIZES), Histogram(ROWS)
        self._refused = 0

    @property
    def waiting(self) -> int:
        return self._log.waiting

    @property
    def failure(self) -> LogFailed | None:
        return self._log.failure

    def append(
        self,
        rows: Sequence[Row],
        done: Callable[[int], None],
        refused: Callable[[VersionConflict], None] | None = None,
    ) -> None:
        """As ``Log.append``."""
        began, size, count = self._clock(), sum([len(row.state) for row in rows]), len(rows)

        def stored(position: int) -> None:
            self._seconds.add(self._clock() - began)
            self._bytes.add(size)
            self._rows.add(count)
            done(position)

        def conflicted(conflict: VersionConflict) -> None:
            self._refused += 1
            if refused is not None:
                refused(conflict)

        # Without ``refused`` a conflict is a failure of the log, so it must not be given one.
        self._log.append(rows, stored, conflicted if refused is not None else None)

    def on_failure(self, failed: Callable[[LogFailed], None]) -> None:
        """As ``Log.on_failure``."""
        self._log.on_failure(failed)

    async def close(self) -> None:
        """As ``Log.close``."""
        await self._log.close()

    def collect(self) -> Iterator[Metric]:
        """The figures, for ``prometheus_client``."""
        for name, text, series in (
            ("mcp_commit_duration_seconds", "From handing records to the log until they are durable", self._seconds),
            ("mcp_commit_size_bytes", "Bytes of the records of a commit", self._bytes),
            ("mcp_commit_records", "Records of a commit", self._rows),
        ):
            yield HistogramMetricFamily(name, text, series.buckets(), series.total)
        yield CounterMetricFamily("mcp_commit_conflicts", "Commits that lost to another worker's", self._refused)
