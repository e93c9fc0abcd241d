"""What this process takes from the machine, as metrics."""

import gc
from collections.abc import Iterator

import psutil
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric


class ProcessMetrics:
    """Reads the figures when they are asked for, and never in between."""

    def __init__(self) -> None:
        self._process = psutil.Process()

    def collect(self) -> Iterator[Metric]:
        """The figures, for ``prometheus_client``."""
        with self._process.oneshot():
            times = self._process.cpu_times()
            resident, threads = self._process.memory_info().rss, self._process.num_threads()
            files, created = self._process.num_fds(), self._process.create_time()
        yield GaugeMetricFamily("mcp_memory_usage_bytes", "Memory of this process (resident)", resident)
        machine = psutil.virtual_memory().percent
        yield GaugeMetricFamily("mcp_memory_usage_percent", "Memory of the machine that is in use", machine)
        yield CounterMetricFamily("mcp_cpu_seconds", "Processor time of this process", times.user + times.system)
        yield GaugeMetricFamily("mcp_open_files", "Files and sockets that are open", files)
        yield GaugeMetricFamily("mcp_threads", "Threads of this process", threads)
        yield GaugeMetricFamily("mcp_started_timestamp_seconds", "When it started, in seconds since the epoch", created)
        collections = CounterMetricFamily("mcp_gc_collections", "Garbage collections", labels=("generation",))
        for generation, figures in enumerate(gc.get_stats()):
            collections.add_metric((str(generation),), figures["collections"])
        yield collections
