"""Whether the service grows under a long mixed load: python3 scripts/soak.py

Starts the service on an instance of its own and asks it everything at once: sign-ups, sign-ins by password and by SRP,
wrong passwords, refreshes, GetUser, an administrator's look, sign-ins at the login pages for a code and its tokens. All
the while it samples the memory of each worker, its open files and threads, the tables' rows and SQLite's journal. At
the end it tells the growth a minute, and exits with 1 where memory grows beyond the bound, where an answer was none or
too often 503, or where `authservice db check` finds a fault. Nothing is left behind.
"""

import bootstrap  # first: it is what refuses an old Python

bootstrap.go_on_in_venv(needs=("botocore", "sqlalchemy", "gmpy2"))

import argparse
import contextlib
import itertools
import json
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import func, select

from authservice import config
from authservice.local import database, models
from bench import Subject, between, cores, environment, forget_settings, own_service, progress
from bootstrap import ROOT, fail, say
from measuring import world
from measuring.generator import Refused, batch, exchange
from measuring.operations import OPERATIONS
from measuring.processes import memory_of

USERS = 1000
SAMPLES = 60
"""About so many samples, however long it takes; not more than one a second."""
WARM_UP = 1 / 3
"""Part of the time after which growth counts: caches fill and allocators find their size."""
BOUND, LEAST = 1.0, 10.0
"""Memory of a worker grows when it does so by more MB a minute, and by more MB in all: less is an allocator's mood."""
MOST_TURNED_AWAY = 0.01
"""Part of the answers that may be 503, as they are while a disk stands still."""
ASKED = ("refresh", "password", "get-user", "admin-get-user", "user-info", "client-credentials")
VICTIMS = 20
"""Users whose passwords are guessed."""
REFUSED = b'"NotAuthorizedException"'


def main() -> int:
    arguments = read_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    forget_settings()
    try:
        found = run(arguments)
    except (Refused, config.SettingsError) as error:
        progress("")
        fail(str(error))
    except KeyboardInterrupt:
        return 130
    progress("")
    say(json.dumps(found, indent=2) if arguments.json else report(found))
    too_often = found["turned_away"] > MOST_TURNED_AWAY * sum(found["asked"].values())
    return 1 if found["grows"] or found["faults"] or too_often else 0


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=between(float, 0.05, 10_000), default=10, metavar="N", help="(%(default)s)")
    parser.add_argument("--workers", type=between(int, 1, 256), default=cores(), metavar="N",
                        help="worker processes (as many as cores: %(default)s)")
    parser.add_argument("--users", type=between(int, 100, 100_000_000), default=USERS, metavar="N",
                        help="users in the pool at the start (%(default)s)")
    parser.add_argument("--database", default="", metavar="URL",
                        help="a database instead of a new SQLite file; the pool is deleted afterwards")
    parser.add_argument("--json", action="store_true", help="print the findings, with all samples, as JSON")
    return parser.parse_args()


def run(arguments: argparse.Namespace) -> dict:
    """Start the service, load it, look at it all the while; gives the findings."""
    (ROOT / "instance").mkdir(exist_ok=True)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-", dir=ROOT / "instance")))
        subject = stack.enter_context(own_service(arguments, folder))
        settings = config.load(instance=folder, database_url=arguments.database)
        engine = database.open_engine(settings.sql_url)
        stack.callback(engine.dispose)
        asked, samples = load(subject, engine, folder, arguments.minutes * 60)
        progress("looking at the tables")
        checked = subprocess.run([sys.executable, "-m", "authservice", "db", "check"], cwd=ROOT, text=True, capture_output=True,
                                 env=environment(instance=str(folder), database_url=arguments.database))
    faults = checked.stdout.splitlines() if checked.returncode else []
    growth = {name: slope(samples, name) for name in ("memory_mb", "files", "threads")}
    measured = samples[-1]["seconds"] - warm(samples)[0]["seconds"]
    grows = any(each > BOUND and each * measured / 60 > LEAST for each in growth["memory_mb"])
    return {"minutes": arguments.minutes, "workers": arguments.workers, "asked": asked, "growth_a_minute": growth,
            "turned_away": sum(each.turned_away for each in subject.world.connections), "grows": grows, "faults": faults,
            "samples": samples}


def load(subject: Subject, engine, folder: Path, seconds: float) -> tuple[dict[str, int], list[dict]]:
    """Ask for so long; gives how many requests of each kind were answered, and the samples."""
    began, answered, samples = time.monotonic(), Counter(), []
    kinds = requests(subject.world)
    by_srp = next(each for each in OPERATIONS if each.name == "srp")
    first_halves = by_srp.requests(subject.world)
    while (passed := time.monotonic() - began) < seconds or len(samples) < 3:
        samples.append({"seconds": passed, **sample(subject, engine, folder)})
        progress(f"{passed / 60:.1f} of {seconds / 60:.1f} minutes, {answered.total():,} answers, "
                 f"{' '.join(f'{each:.0f}' for each in samples[-1]['memory_mb'])} MB")
        answered += mixed(subject.world.connections, kinds, max(1.0, seconds / SAMPLES))
        answered["srp"] += by_srp.measure(subject.world.connections, subject.world, first_halves, 0.2).asked
        world.sign_in_at_domain(subject.world, random.choice(subject.world.names))
        answered["code flow"] += 1
    samples.append({"seconds": time.monotonic() - began, **sample(subject, engine, folder)})
    return dict(answered), samples


def requests(pool: world.World) -> dict[str, Iterator[bytes]]:
    """Without end, of each kind that is one request."""
    def sign_up(name: str) -> bytes:
        return pool.api("SignUp", ClientId=pool.client_id, Username=name, Password=world.PASSWORD, UserAttributes=[])

    victims = [f"victim-{number}" for number in range(VICTIMS)]
    batch(pool.connections, map(sign_up, victims), b'"UserSub"')
    batch(pool.connections, (pool.api("AdminConfirmSignUp", UserPoolId=pool.pool_id, Username=name) for name in victims), b"")
    kinds = {each.name: itertools.cycle(each.requests(pool)) for each in OPERATIONS if each.name in ASKED}
    kinds["sign-up"] = (sign_up(f"new-{number}") for number in itertools.count())
    kinds["wrong password"] = itertools.cycle(
        pool.api("InitiateAuth", ClientId=pool.client_id, AuthFlow="USER_PASSWORD_AUTH",
                 AuthParameters={"USERNAME": name, "PASSWORD": "Wr0ng-password!"}) for name in victims)
    return kinds


def mixed(connections: list, kinds: dict[str, Iterator[bytes]], seconds: float) -> Counter:
    """All kinds in turn for so long; an answer that is neither success nor the refusal of a wrong password ends it, as a
    503 does that stays (generator.py)."""
    answered, until = Counter(), time.monotonic() + seconds
    names = itertools.cycle(kinds)

    def looked_at(answer: bytes) -> bool:
        status = answer[9:12]
        if status != b"200" and not (status == b"400" and REFUSED in answer):
            raise Refused(answer.partition(b"\r\n\r\n")[2][:300].decode(errors="replace") or repr(answer[:60]))
        answered["refused" if status == b"400" else "success"] += 1
        return time.monotonic() < until

    exchange(connections, (next(kinds[next(names)]) for _ in itertools.count()), looked_at)
    return answered


def sample(subject: Subject, engine, folder: Path) -> dict:
    """What each worker has now, the tables' rows, and the bytes of SQLite's journal."""
    workers = subject.server.workers
    journal = folder / "authservice.db-wal"
    with engine.connect() as connection:
        rows = {name: connection.scalar(select(func.count()).select_from(getattr(models, name))) for name in models.__all__}
    return {"memory_mb": [memory_of(pid)["rss"] for pid in workers],
            "files": [len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in workers],
            "threads": [len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in workers],
            "rows": rows, "journal_bytes": journal.stat().st_size if journal.exists() else None}


def warm(samples: list[dict]) -> list[dict]:
    """Those after the warm-up."""
    return [each for each in samples if each["seconds"] >= WARM_UP * samples[-1]["seconds"]]


def slope(samples: list[dict], name: str) -> list[float]:
    """Growth a minute, of each worker, by least squares."""
    times = [each["seconds"] / 60 for each in warm(samples)]
    return [statistics.linear_regression(times, values).slope for values in zip(*(each[name] for each in warm(samples)))]


def report(found: dict) -> str:
    first, last = found["samples"][0], found["samples"][-1]
    lines = [f"{found['minutes']:g} minutes, {sum(found['asked'].values()):,} answers, "
             f"{found['turned_away']:,} times \"not now\" (503)", "",
             "worker   at first     at last    a minute, after the warm-up"]
    for place, each in enumerate(last["memory_mb"]):
        lines.append(f"{place + 1:<6} {first['memory_mb'][place]:8.1f} MB {each:8.1f} MB "
                     f"{found['growth_a_minute']['memory_mb'][place]:+8.2f} MB   {last['files'][place]} files, "
                     f"{last['threads'][place]} threads")
    rows = {name: number for name, number in last["rows"].items() if number != first["rows"][name]}
    lines += ["", "rows: " + ", ".join(f"{name} {first['rows'][name]:,} to {number:,}" for name, number in rows.items())]
    if last["journal_bytes"] is not None:
        lines.append(f"journal: {max(each['journal_bytes'] or 0 for each in found['samples']) / 1e6:.1f} MB at most")
    lines += ["", *found["faults"], "memory GROWS" if found["grows"] else "memory does not grow",
              "db check: faults found" if found["faults"] else "db check: nothing is wrong"]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
