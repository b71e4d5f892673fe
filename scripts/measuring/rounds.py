"""The measurement itself: limit, operation, limit, operation, limit … round after round.

Owns that order. Whatever else the machine does comes and goes: so an operation is compared with its limit as it was
right before and right after it, and each of these comparisons is kept.
"""

from collections.abc import Callable
from dataclasses import dataclass

from . import report
from .generator import Connection, Load, Refused
from .limits import Limits
from .operations import Operation
from .processes import Server
from .world import World

WARM_UP = 0.3  # seconds of each operation before the first round
TRIAL = 0.01  # seconds in which a peer shows whether it has an operation


@dataclass(frozen=True)
class Pace:
    """How many a second, and the CPU seconds that one takes (None where that is not known)."""

    per_second: float
    cpu: float | None
    load: Load | None = None

    def between(self, other: "Pace") -> "Pace":
        """The mean of two."""
        cpu = None if self.cpu is None or other.cpu is None else (self.cpu + other.cpu) / 2
        return Pace((self.per_second + other.per_second) / 2, cpu)


def pace(server: Server | None, connections: list[Connection], work: Callable[[], Load]) -> Pace:
    """Measure some load on a server of ours, or on a peer (None), over these connections."""
    if server:
        server.renew(connections)
    else:
        for connection in connections:
            connection.renew()
    before = server.cpu_seconds() if server else 0
    load = work()
    used = server.cpu_seconds() - before if server else 0
    return Pace(load.per_second, used / load.asked or None, load)


class Measurement:
    """All rounds over some operations; `findings` has a summary of each."""

    def __init__(self, operations: list[Operation], pool: World, server: Server | None, limits: Limits,
                 route: Callable[[float], Pace] | None, cores: int, progress: Callable[[str], None]):
        self.operations, self.pool, self.server, self.limits = operations, pool, server, limits
        self.route, self.cores, self.progress = route, cores, progress
        self.requests: dict[str, list[bytes]] = {}
        self.absent: dict[str, str] = {}
        self.rounds: dict[str, list[dict]] = {each.name: [] for each in operations}

    def warm_up(self, seconds: float) -> None:
        """Prepare every operation's requests and run each once; what a peer refuses is noted as absent.

        Our own service has them all: a refusal of it is raised.
        """
        for operation in self.operations:
            self.progress(f"warming up: {operation.name}")
            try:
                self.requests[operation.name] = operation.requests(self.pool)
                operation.measure(self.pool.connections[:1], self.pool, self.requests[operation.name], TRIAL)
            except (Refused, OSError) as refusal:
                if self.server:
                    raise Refused(f"{operation.name}: {refusal}") from None
                self.absent[operation.name] = str(refusal)
            else:
                self.measure(operation, min(WARM_UP, seconds))

    def round(self, title: str, seconds: float) -> None:
        """Measure everything once."""
        there = [each for each in self.operations if each.name not in self.absent]
        for kind in dict.fromkeys(each.limit for each in there):
            self.progress(f"{title}: {report.LIMITED_BY[kind]}")
            before = self.limit(kind, seconds)
            for operation in (each for each in there if each.limit == kind):
                self.progress(f"{title}: {operation.name}")
                found = self.measure(operation, seconds)
                after = self.limit(kind, seconds)
                self.rounds[operation.name].append(self.compared(operation, found, before.between(after)))
                before = after

    def limit(self, kind: str, seconds: float) -> Pace:
        return self.route(seconds) if kind == "route" else Pace(*self.limits.measure(kind, seconds))

    def measure(self, operation: Operation, seconds: float) -> Pace:
        requests = self.requests[operation.name]
        try:
            return pace(self.server, self.pool.connections,
                        lambda: operation.measure(self.pool.connections, self.pool, requests, seconds))
        except (Refused, OSError) as refusal:
            raise Refused(f"{operation.name}: {refusal}") from None

    def compared(self, operation: Operation, found: Pace, limit: Pace) -> dict:
        """One round of one operation beside its limit, as the JSON has it."""
        cpu = [None if each is None else each * 1000 for each in (found.cpu, limit.cpu)]
        return {"per_second": found.per_second, "limit_per_second": limit.per_second / operation.uses,
                "cpu_ms": cpu[0], "limit_cpu_ms": cpu[1] and cpu[1] * operation.uses,
                "generator_share": found.load.cpu / found.load.seconds / self.cores}

    @property
    def findings(self) -> list[dict]:
        return [report.absent(each, self.absent[each.name]) if each.name in self.absent
                else report.summary(each, self.rounds[each.name]) for each in self.operations]
