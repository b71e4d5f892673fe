"""Who writes next to a SQLite file: the threads of a process take turns before one of them asks for the lock.

SQLite has whoever comes second sleep and look again, ever more rarely, up to a tenth of a second; among many the disk
would be idle most of the time. Here one thread of each process looks, every millisecond. Does not own when a
transaction begins (database.py). PostgreSQL, where only the same rows are waited for, has queues of its own.
"""

import sqlite3
import threading
import time


class Connection(sqlite3.Connection):
    """A connection in autocommit mode, whose one way to write is `begin_writing` and then commit or rollback."""

    turn: threading.Lock
    """Of this process' connections to the file."""
    patience: float
    """Seconds in which the lock must be had."""
    _has_turn = False

    def begin_writing(self) -> None:
        """BEGIN IMMEDIATE; sqlite3.OperationalError, SQLITE_BUSY, where others write for as long as `patience`."""
        deadline = time.monotonic() + self.patience
        self._has_turn = self._has_turn or self.turn.acquire(timeout=self.patience)
        try:
            self._wait_no_longer_than(1)
            while not self._takes_lock(deadline):
                pass
        finally:
            self._wait_no_longer_than(int(self.patience * 1000))
            self._end_turn()

    def _takes_lock(self, deadline: float) -> bool:
        try:
            self.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
        return self.in_transaction

    def _wait_no_longer_than(self, milliseconds: int) -> None:
        self.execute(f"PRAGMA busy_timeout = {milliseconds}")

    def commit(self) -> None:
        try:
            super().commit()
        finally:
            self._end_turn()

    def rollback(self) -> None:
        try:
            super().rollback()
        finally:
            self._end_turn()

    def close(self) -> None:
        super().close()
        self._end_turn(closed=True)

    def _end_turn(self, closed: bool = False) -> None:
        """Let the next one in, unless a transaction goes on."""
        if self._has_turn and (closed or not self.in_transaction):
            self._has_turn = False
            self.turn.release()
