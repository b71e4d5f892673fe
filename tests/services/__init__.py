"""Real servers and a real browser for the tests: each module starts one, says where it is, and ends it.

Owns finding programs and ports, starting, waiting and ending. Knows nothing of what the tests then do.
Whatever is started here listens on loopback only and is ended by its process id.
"""

import os
import socket

import pytest


def free_port() -> int:
    """A TCP port of the loopback address that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def unavailable(what: str, reason: str):
    """Skip the test, or fail it where AUTHSERVICE_REQUIRE_<WHAT> is set, as .ci/run does.

    `what` is BROWSER, POSTGRES or REDIS; `reason` says what is missing and how to get it.
    """
    if os.environ.get(f"AUTHSERVICE_REQUIRE_{what}", "") not in ("", "0"):
        pytest.fail(f"{reason} (AUTHSERVICE_REQUIRE_{what} is set)", pytrace=False)
    pytest.skip(reason)
