"""What this process takes from the machine, as metrics."""

import gc
from collections.abc import Callable, Iterator

import psutil
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric


class ProcessMetrics:
    """Reads the figures when they are asked for, and never in between.

    Args:
        memory_percent: How much is in use of the memory that there is, in percent; psutil's word on the machine when
            it is None.
    """

    def __init__(self, memory_percent: Callable[[], float] | None = None) -> None:
        self._process = psutil.Process()
        self._memory_percent = memory_percent or _of_machine

    def collect(self) -> Iterator[Metric]:
        """The figures, for ``prometheus_client``."""
        with self._process.oneshot():
            times = self._process.cpu_times()
            resident, threads = self._process.memory_info().rss, self._process.num_threads()
            files, created = self._process.num_fds(), self._process.create_time()
        yield GaugeMetricFamily("mcp_memory_usage_bytes", "Memory of this process (resident)", resident)
        share = self._memory_percent()
        yield GaugeMetricFamily("mcp_memory_usage_percent", "Memory in use of what there is", share)
        yield CounterMetricFamily("mcp_cpu_seconds", "Processor time of this process", times.user + times.system)
        yield GaugeMetricFamily("mcp_open_files", "Files and sockets that are open", files)
        yield GaugeMetricFamily("mcp_threads", "Threads of this process", threads)
        yield GaugeMetricFamily("mcp_started_timestamp_seconds", "When it started, in seconds since the epoch", created)
        collections = CounterMetricFamily("mcp_gc_collections", "Garbage collections", labels=("generation",))
        for generation, figures in enumerate(gc.get_stats()):
            collections.add_metric((str(generation),), figures["collections"])
        yield collections


def _of_machine() -> float:
    return float(psutil.virtual_memory().percent)
