"""The processes of the demo: started, waited for, listened to and ended; none is left behind.

Owns the life of a child process and how its failure is told. Does not know what the commands are (demo.py's).
"""
import collections
import contextlib
import http.client
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.request

from bootstrap import ROOT, fail, say

READY_WITHIN = 60  # seconds
STOP_WITHIN = 10  # seconds


def run_to_end(command, environment):
    """Run one of the service's commands; refuses with what it said."""
    done = subprocess.run(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace")
    if done.returncode:
        fail_with_output(" ".join(command[2:]), done.stdout.splitlines(), done.returncode)


def fail_with_output(name, lines, code):
    """End with a program's own error line where it has one, else with its last lines and who stopped.

    With `code` None it has not stopped, and has not answered in time either.
    """
    errors = [number for number, line in enumerate(lines) if line.startswith("Error: ")]
    if errors:
        print("\n".join(lines[errors[-1]:]), file=sys.stderr)
        sys.exit(1)
    print("\n".join("    " + line for line in lines[-20:]), file=sys.stderr)
    what = "does not answer" if code is None else "stopped (exit code %d)" % code
    fail("`%s` %s; its last lines are above." % (name, what))


class Child:
    """A process of ours; its output is kept back until `release`, then passed on line by line.

    Where `address` is an https one, `authority` is the file that vouches for it, made by the process itself.
    """

    def __init__(self, name, address, authority=None):
        self.name, self.address, self.authority = name, address, authority
        self.lines = collections.deque(maxlen=200)
        self.process = self.reader = None
        self._released = False
        self._printing = threading.Lock()

    def start(self, command, environment):
        """Run the command. Here, not in __init__, so that an interruption finds the child in its list."""
        # A session of its own: Ctrl-C reaches this script alone, and what is left can be ended as a group.
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
                                        errors="replace", start_new_session=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self._printing:
                self.lines.append(line.rstrip("\n"))
                if self._released:
                    self._pass_on(self.lines[-1])

    def _pass_on(self, line):
        with contextlib.suppress(OSError):  # a reader that went away must not block the child
            say("%-5s | %s" % (self.name.split()[-1], line))

    def release(self):
        with self._printing:
            self._released = True
            for line in self.lines:
                self._pass_on(line)

    def answers(self):
        """Whether GET /healthz answers 200, by https under the name of its certificate."""
        handlers = [urllib.request.ProxyHandler({})]
        try:
            if self.authority:
                context = ssl.create_default_context(cafile=str(self.authority))
                handlers.append(urllib.request.HTTPSHandler(context=context))
            direct = urllib.request.build_opener(*handlers)
            with direct.open(self.address + "/healthz", timeout=2) as answer:
                return answer.status == 200
        except (OSError, http.client.HTTPException):
            return False


def wait_until_ready(children, quiet=False):
    """Wait until all of them answer; refuses when one has stopped, or after READY_WITHIN.

    From then on their output is passed on, unless `quiet`.
    """
    deadline = time.monotonic() + READY_WITHIN
    for child in children:
        while not child.answers():
            refuse_stopped(children)
            if time.monotonic() > deadline:
                silence = "(no answer from /healthz within %d s)" % READY_WITHIN
                fail_with_output(child.name, [*child.lines, silence], None)
            time.sleep(0.1)
    refuse_stopped(children)  # who answered must be our children, not strangers on their ports
    for child in children if not quiet else []:
        child.release()


def refuse_stopped(children):
    for child in children:
        if child.process.poll() is not None:
            child.reader.join(timeout=2)
            fail_with_output(child.name, list(child.lines), child.process.returncode)


def watch(children):
    while True:
        refuse_stopped(children)
        time.sleep(0.3)


def stop(children):
    """End the children: SIGTERM, STOP_WITHIN seconds, then SIGKILL for what is left of their groups."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    running = [child for child in children if child.process]
    for child in running:
        child.process.terminate()
    deadline = time.monotonic() + STOP_WITHIN
    for child in running:
        try:
            child.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            say("%s did not stop within %d s: killed." % (child.name, STOP_WITHIN))
            child.process.kill()
            child.process.wait()
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.process.pid, signal.SIGKILL)
        if child.reader:
            child.reader.join(timeout=1)
