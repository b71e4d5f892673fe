"""A real browser for the tests, the one that scripts/chromium.py finds and starts. Knows no page."""

from scripts.chromium import find, running  # noqa: F401  running: for who asks here


def missing() -> str:
    """Return why there is no browser for the tests and how to get one; "" where there is one."""
    return find()[1]
