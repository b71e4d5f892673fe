"""Door: /metrics, the figures of the whole service in Prometheus' format, whichever worker is asked.

Owns the names of the figures and who may read them: this machine alone, or whoever presents `metrics_token`. Does not
own the counting (figures.py).
Source: Prometheus' exposition formats, and its practices for names.
"""

import hmac
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from importlib.metadata import version

from flask import Blueprint, Response, abort, request
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder

from authservice import this_machine
from authservice.config import Settings
from authservice.figures import BOUNDS, Figures
from authservice.health import Looks

LOAD = {"hashing_waiting": "Passwords that wait for a thread to be hashed in.",
        "hashing_running": "Passwords that are being hashed.",
        "database_connections": "Connections to the database (to the primary) that are in use."}
CLASSES = [str(bound) for bound in BOUNDS] + ["+Inf"]


def create(figures: Figures, depth: Callable[[], tuple[int, float]] | None, settings: Settings) -> Blueprint:
    """The door; `depth` looks how many messages wait to be sent, and how many seconds the oldest has."""
    door = Blueprint("metrics", __name__)
    outbox = Looks({"outbox": depth} if depth else {})

    @door.before_request
    def only_for_who_may_read() -> None:
        if settings.metrics_token:
            presented = request.headers.get("Authorization", "").encode()
            if not hmac.compare_digest(presented, f"Bearer {settings.metrics_token}".encode()):
                abort(Response("The token is missing or wrong.\n", 401, {"WWW-Authenticate": 'Bearer realm="metrics"'},
                               content_type="text/plain"))
        elif not this_machine.sent(request.environ):
            abort(Response("For this machine only; AUTHSERVICE_METRICS_TOKEN lets others read.\n", 403,
                           content_type="text/plain"))

    @door.get("/metrics")
    def metrics() -> Response:
        registry = CollectorRegistry()
        registry.register(_Collector(lambda: collect(figures.of_all(), outbox.found().get("outbox"))))
        write, content_type = choose_encoder(request.headers.get("Accept", ""))
        return Response(write(registry), content_type=content_type, headers={"Cache-Control": "no-store"})

    return door


class _Collector:
    def __init__(self, collect: Callable[[], Iterable[Metric]]):
        self.collect = collect


def collect(workers: list[dict], outbox) -> Iterator[Metric]:
    """The figures of these workers together; `outbox` is (number, seconds), or anything else where it is not known."""
    requests = CounterMetricFamily("authservice_requests", "Answered requests.", labels=["operation", "outcome"])
    latency = HistogramMetricFamily("authservice_request_duration_seconds", "Time from a request to its answer.",
                                    labels=["operation"])
    for operation in sorted({name for worker in workers for name in worker["operations"]}):
        counted = [worker["operations"][operation] for worker in workers if operation in worker["operations"]]
        for outcome, number in sorted(_sum(each["outcomes"] for each in counted).items()):
            requests.add_metric([operation, outcome], number)
        classes = [sum(column) for column in zip(*(each["classes"] for each in counted))]
        upto = [(bound, sum(classes[:place + 1])) for place, bound in enumerate(CLASSES)]
        latency.add_metric([operation], upto, sum(each["seconds"] for each in counted))
    yield from (requests, latency)

    alive = [worker for worker in workers if worker["alive"]]
    load = _sum(worker["load"] for worker in alive)
    for name, meaning in LOAD.items():
        if name in load:
            yield GaugeMetricFamily(f"authservice_{name}", meaning, load[name])
    if isinstance(outbox, tuple):
        yield GaugeMetricFamily("authservice_outbox_messages", "Messages that wait to be sent.", outbox[0])
        yield GaugeMetricFamily("authservice_outbox_oldest_seconds", "Age of the oldest of them.", outbox[1])
    yield from _processes([worker["pid"] for worker in alive])
    yield GaugeMetricFamily("authservice_workers", "Worker processes.", len(alive))
    yield _build()


def _sum(parts: Iterable[dict]) -> Counter:
    total = Counter()
    for part in parts:
        total.update(part)
    return total


def _processes(pids: list[int]) -> Iterator[Metric]:
    """prometheus_client's own figures of a process (memory, processor time, files), of each worker by its pid."""
    families: dict[str, Metric] = {}
    for pid in pids:
        for metric in ProcessCollector(pid=lambda: pid, registry=None).collect():
            family = families.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
            for sample in metric.samples:
                family.add_sample(sample.name, {"pid": str(pid)}, sample.value)
    yield from families.values()


@lru_cache
def _build() -> Metric:
    info = GaugeMetricFamily("authservice_build_info", "What runs here.", labels=["version", "python"])
    info.add_metric([version("authservice"), "{}.{}.{}".format(*sys.version_info)], 1)
    return info
