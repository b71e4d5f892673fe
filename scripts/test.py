"""Run the tests with one command: python3 scripts/test.py [pytest arguments].

Makes `.venv` as demo.py does, with what the tests need besides, and runs pytest in it; pytest's exit code is
this command's. Owns nothing of the tests; the set-up is bootstrap.py's.

    python3 scripts/test.py                    everything
    python3 scripts/test.py -q tests/crypto    one room
    python3 scripts/test.py -k totp            by name
"""
import bootstrap  # first: it is what refuses an old Python

import os
import subprocess
import sys


def main():
    try:
        python = bootstrap.prepare("test")
    except KeyboardInterrupt:
        sys.exit(130)
    os.chdir(bootstrap.ROOT)
    command = [str(python), "-m", "pytest", *sys.argv[1:]]
    sys.stdout.flush()
    if os.name == "nt":  # exec on Windows returns to the shell at once and loses the exit code
        sys.exit(subprocess.call(command))
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
