"""What a process has seen in the database a moment ago, and need not look at again so soon.

Owns for how long it is believed. Does not own what is remembered of it (readings.py). A change by another process shows
when the moment is over; one by this process at once, for whatever it commits ends all belief.
"""

from collections.abc import Hashable
from time import monotonic

SECONDS = 0.5
MOST = 10_000
"""Keys that are believed at a time."""


class Believed:
    """Keys of what was seen, and until when in monotonic seconds each is believed."""

    def __init__(self):
        self._until: dict[Hashable, float] = {}

    def __contains__(self, key: Hashable) -> bool:
        return self._until.get(key, 0.0) > monotonic()

    def look(self) -> "Look":
        """Begin to look something up."""
        return Look(self._until)

    def forget(self) -> None:
        """Something was changed here: what is being looked up now may be old already, and is not believed either."""
        self._until = {}


class Look:
    """One look into the database, which counts from when it began."""

    def __init__(self, until: dict[Hashable, float]):
        self._until, self._began = until, monotonic()

    def saw(self, key: Hashable) -> None:
        """This was there, and is believed for a moment."""
        if len(self._until) >= MOST:
            self._until.clear()
        self._until[key] = self._began + SECONDS
