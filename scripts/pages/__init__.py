"""Every page, in every state worth seeing, and how a browser gets there.

Owns the list PAGES, for screenshots.py and the tests of accessibility: a function tagged `@shown` is one page, its
name the picture's, its docstring what it shows (hosted.py, demo.py; visit.py has what they are made of). Does not
own: starting the service and the demo site on a database seeded with `seed()`.
"""

from pathlib import Path

from .visit import PAGES, Shown, Sites
from . import hosted, demo  # noqa: F401  their pages, in this order

__all__ = ["PAGES", "Shown", "Sites", "seed"]

HERE = Path(__file__).resolve().parent
SEED = (HERE.parents[1] / "authservice" / "demo" / "seed.toml", HERE / "seed.toml")


def seed() -> str:
    """The text of a seed with the pools and users that the pages ask for: the demo's, and more."""
    return "\n".join(path.read_text(encoding="utf-8") for path in SEED)
