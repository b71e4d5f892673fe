"""What the machine allows: the arithmetic that no sign-in and no token can do without, and nothing besides.

Owns the pieces of arithmetic and the processes that do them all at once, one a core or one a worker, whichever is
more. Each piece is done by the library and with the parameters that authservice/crypto uses, but not by its code:
a limit must not move when that code does. Passwords alone come from there, since their parameters are settings.
"""

import multiprocessing
import secrets
import signal
import time
from collections.abc import Callable

PIECES = {"rsa": "RSA-2048 signatures", "argon2": "argon2id checks", "srp": "3 powers + 2 signatures"}
"""What can be measured here, and what one of it is."""


def rsa() -> Callable[[], object]:
    """One RS256 signature over as many bytes as a token has."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.asymmetric import rsa as keys
    key, how, what = keys.generate_private_key(65537, 2048), padding.PKCS1v15(), hashes.SHA256()
    token = secrets.token_bytes(700)
    return lambda: key.sign(token, how, what)


def argon2(*costs: int) -> Callable[[], object]:
    """One check of a right password, at these costs (KiB, passes, lanes)."""
    from authservice.crypto.passwords import Passwords
    passwords = Passwords(*costs)
    stored = passwords.hash("a password")
    return lambda: passwords.verify("a password", stored)


def srp() -> Callable[[], object]:
    """The server's part of one sign-in by SRP: g^b, then (A·v^u)^b, and the signatures of two tokens."""
    from gmpy2 import mpz, powmod, powmod_sec

    from authservice.crypto.srp import N as PRIME
    prime, sign = mpz(PRIME), rsa()
    a_public, verifier = (mpz(secrets.randbelow(PRIME)) for _ in range(2))
    b, u = (secrets.randbits(256) | 1 for _ in range(2))

    def sign_in() -> None:
        powmod_sec(2, b, prime)
        powmod_sec(a_public * powmod(verifier, u, prime) % prime, b, prime)
        sign()
        sign()

    return sign_in


class Limits:
    """As many processes as wanted, idle until `measure` sets them to work together."""

    def __init__(self, processes: int, hash_costs: tuple[int, int, int]):
        context = multiprocessing.get_context("spawn")
        self._ends, self._processes = [], []
        for _ in range(processes):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, hash_costs), daemon=True)
            process.start()
            theirs.close()
            self._ends.append(ours)
            self._processes.append(process)

    def measure(self, piece: str, seconds: float) -> tuple[float, float]:
        """(how many of a piece all processes together do a second, the CPU seconds that one takes)."""
        for end in self._ends:
            end.send((piece, seconds))
        rates, costs = zip(*[end.recv() for end in self._ends])
        return sum(rates), sum(costs) / len(costs)

    def close(self) -> None:
        """End the processes."""
        for end in self._ends:
            end.close()
        for process in self._processes:
            process.join(5)
            process.kill()


def _work(end, hash_costs: tuple[int, int, int]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, who then closes the pipe
    ready: dict[str, Callable] = {}
    try:
        while True:
            piece, seconds = end.recv()
            if piece not in ready:
                ready[piece] = {"rsa": rsa, "argon2": lambda: argon2(*hash_costs), "srp": srp}[piece]()
            end.send(_rate(ready[piece], seconds))
    except EOFError:
        return


def _rate(work: Callable[[], object], seconds: float) -> tuple[float, float]:
    started, cpu, done = time.perf_counter(), time.process_time(), 0
    while (passed := time.perf_counter() - started) < seconds or not done:
        work()
        done += 1
    return done / passed, (time.process_time() - cpu) / done
