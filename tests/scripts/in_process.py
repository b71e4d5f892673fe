"""A script run within this process: to start Python and load the service costs more than most of what is asked of it."""

import contextlib
import io
import os
import subprocess
import sys
from unittest import mock


def run(script, *arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess:
    """What a script's `main` prints and ends with, given these arguments and no environment but this."""
    out, err = io.StringIO(), io.StringIO()
    with mock.patch.dict(os.environ, environment, clear=True), mock.patch.object(sys, "argv", [script.__file__, *arguments]):
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = script.main()
            except SystemExit as end:
                code = end.code
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())
