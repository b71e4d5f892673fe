"""What was found, as a table for people; bench.py --json prints the same findings as they are.

Owns the sums over rounds (medians, the spread of the ratio) and the form of the table.
"""

import statistics
from collections.abc import Iterable, Sequence

from .limits import PIECES
from .operations import Operation

START_TARGET = 1.5  # seconds to the first answer
MEMORY_TARGET = 150  # MB a worker
LIMITED_BY = {**PIECES, "route": "empty Flask route"}
SHOWN = 80
"""Characters of the reason why a peer has no such operation."""
COLUMNS = "  {:<20}{:>10}{:>9}  {:<28}{:>6}  {:<11}{:>6}{:>8}  {}"


def summary(operation: Operation, rounds: Sequence[dict]) -> dict:
    """One operation over all rounds; a round is {per_second, limit_per_second, cpu_ms, limit_cpu_ms, generator_share}.

    `cpu_ratio` compares processor time instead of speed: other work on the machine disturbs it little.
    """
    ratios = [each["per_second"] / each["limit_per_second"] for each in rounds]
    ratio = statistics.median(ratios)
    cpu, limit_cpu = (_median(each[name] for each in rounds) for name in ("cpu_ms", "limit_cpu_ms"))
    return {"name": operation.name, "about": operation.about, "limited_by": limited_by(operation),
            "per_second": _median(each["per_second"] for each in rounds),
            "limit_per_second": _median(each["limit_per_second"] for each in rounds),
            "ratio": ratio, "lowest_ratio": min(ratios), "highest_ratio": max(ratios),
            "target": operation.target, "met": ratio >= operation.target,
            "cpu_ms": cpu, "limit_cpu_ms": limit_cpu, "cpu_ratio": cpu and limit_cpu and limit_cpu / cpu,
            "generator_share": statistics.mean(each["generator_share"] for each in rounds), "rounds": list(rounds)}


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def absent(operation: Operation, reason: str) -> dict:
    """An operation that a peer does not have."""
    return {"name": operation.name, "about": operation.about, "absent": " ".join(reason.split())}


def limited_by(operation: Operation) -> str:
    what = LIMITED_BY[operation.limit]
    return f"{what}, {operation.uses} each" if operation.uses > 1 else what


def table(found: dict, colour: bool) -> str:
    """The findings as lines of text. The targets are our own service's: beside a peer they are left out."""
    ours = not found["subject"]["against"]
    titles = ("operation", "per second", "limit", "limited by", "ratio", "spread", *(("by CPU", "target", "") if ours else [""] * 3))
    lines = [_subject(found), *_process(found["subject"]), "", COLUMNS.format(*titles)]
    lines += [_row(each, ours, colour) for each in found["operations"]]
    return "\n".join(line.rstrip() for line in [*lines, "", *_notes(found)])


def _subject(found: dict) -> str:
    subject, machine = found["subject"], found["machine"]
    if subject["against"]:
        what = subject["against"]
    else:
        what = f"authservice with {counted(subject['workers'], 'worker')} on {subject['database']}"
    return (f"{what}, {counted(subject['users'], 'user')}; {counted(machine['cores'], 'core')}, "
            f"{counted(found['rounds'], 'round')} of {found['seconds']:g} s each")


def _process(subject: dict) -> list[str]:
    lines = []
    if subject["start_seconds"] is not None:
        lines.append(f"  start to first answer  {subject['start_seconds']:.2f} s   (target: under {START_TARGET} s)")
    if subject["memory_mb"]:
        most = {kind: max(each[kind] for each in subject["memory_mb"]) for kind in ("rss", "pss")}
        lines.append(f"  memory of a worker     {most['rss']:.0f} MB resident, of which its own part is {most['pss']:.0f} MB   "
                     f"(target: under {MEMORY_TARGET} MB)")
    return ["", *lines] if lines else []


def _row(each: dict, ours: bool, colour: bool) -> str:
    if "absent" in each:
        return f"  {each['name']:<20}  not there: {each['absent'][:SHOWN]}"
    verdict = "met" if each["met"] else "missed"
    if colour:
        verdict = f"\033[{32 if each['met'] else 31}m{verdict}\033[0m"
    own = ("" if each["cpu_ratio"] is None else _percent(each["cpu_ratio"]), _percent(each["target"]), verdict)
    return COLUMNS.format(each["name"], f"{each['per_second']:,.0f}", f"{each['limit_per_second']:,.0f}", each["limited_by"],
                          _percent(each["ratio"]), f"{each['lowest_ratio'] * 100:.0f}..{_percent(each['highest_ratio'])}",
                          *(own if ours else [""] * 3))


def _notes(found: dict) -> list[str]:
    measured = [each for each in found["operations"] if "absent" not in each]
    lines = []
    if any(each["cpu_ratio"] for each in measured):
        lines += ["  by CPU: the processor time of the limit, as a part of what a worker takes. Other work on the machine disturbs",
                  "  it least; a database server's time is not in it."]
    if measured:
        shares = [each["generator_share"] for each in measured]
        lines.append(f"  The load generator itself took {_percent(statistics.mean(shares))} of the machine, at most "
                     f"{_percent(max(shares))}; it is part of every figure.")
    before, after = (found["machine"][name] for name in ("load_average", "load_average_after"))
    if before is not None:
        lines.append(f"  The machine's load average was {before:.1f} before and {after:.1f} after.")
    return lines


def _percent(part: float) -> str:
    return f"{part * 100:.0f} %"


def counted(number: int, what: str) -> str:
    """`1 user`, `2,000 users`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
