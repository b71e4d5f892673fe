"""The counts in Redis: no write to the database for a wrong password, one truth for hosts that share it.

One script counts and locks in one step. It judges time by the call's clock; Redis's own only clears away what is long
over. While Redis is away nobody knows who is locked, so whatever needs to know is refused (503).
"""

import contextlib
import logging
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from authservice.config import SettingsError
from authservice.errors import Unavailable
from authservice.local.call import Call
from authservice.local.counters import Count, Key, Rule

log = logging.getLogger(__name__)

WAIT_SECONDS = 1
"""For a connection, and for each answer."""
KEPT = timedelta(hours=1)
"""So long a count stays after its end, for workers whose clocks differ. Times here are milliseconds."""

ADD = """
local now, window, quiet, allowed = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == '1', tonumber(ARGV[4])
local tries, since, found = unpack(redis.call('HMGET', KEYS[1], 'tries', 'since', 'locked_until'))
tries, since, found = tonumber(tries or 0), tonumber(since or now), tonumber(found or 0)
if now >= since + window and found <= now then tries, since, found = 0, now, 0 end
tries = tries + 1
if quiet then since = now end
local locked, locks, beyond = found, #ARGV - 5, tries - allowed
if locks > 0 and beyond > 0 then locked = math.max(found, now + ARGV[5 + math.min(beyond, locks)]) end
redis.call('HSET', KEYS[1], 'tries', tries, 'since', since, 'locked_until', locked)
redis.call('PEXPIRE', KEYS[1], math.max(locked, since + window) - now + ARGV[5])
return {tries, found}
"""
FORGET = """
local locked = redis.call('HGET', KEYS[1], 'locked_until')
if tonumber(locked or 0) <= tonumber(ARGV[1]) then redis.call('DEL', KEYS[1]) end
"""


class RedisCounters:
    """Counts as hashes; see counters.Counters."""

    def __init__(self, url: str):
        """Raises SettingsError for what is no URL; whether Redis is there shows when it is needed."""
        try:
            # A connection may have been closed for being idle: so one try more. What is then counted twice locks earlier.
            self._redis = redis.Redis.from_url(url, decode_responses=True, socket_timeout=WAIT_SECONDS,
                                               socket_connect_timeout=WAIT_SECONDS, retry=Retry(NoBackoff(), 1))
        except ValueError:  # its words may have a part of the password
            raise SettingsError("counters_url: write redis://user:password@host:port/0, the password percent-encoded"
                                ) from None
        self._add, self._forget = self._redis.register_script(ADD), self._redis.register_script(FORGET)

    def find(self, call: Call, *keys: Key) -> dict[Key, Count]:
        with _or_unavailable(), self._redis.pipeline(transaction=False) as asked:
            for key in keys:
                asked.hmget(_name(key), "tries", "locked_until")
            found = zip(keys, asked.execute())
        return {key: _count(*values) for key, values in found if values[0] is not None}

    def guard(self, call: Call, key: Key, judge: Callable[[Count | None], object]) -> None:
        call.guard(lambda: judge(self.find(call, key).get(key)))

    def add(self, call: Call, subject: bytes, rule: Rule) -> Count:
        times = [_milliseconds(time) for time in (KEPT, *rule.locks)]
        with _or_unavailable():
            return _count(*self._add(keys=[_name((subject, rule.kind))], args=[
                _since_1970(call.now), _milliseconds(rule.window), int(rule.quiet), rule.allowed, *times]))

    def forget(self, call: Call, key: Key, even_locked: bool = False) -> None:
        call.once_committed(lambda: self._forget_now(call, key, even_locked))

    def _forget_now(self, call: Call, key: Key, even_locked: bool) -> None:
        """The call is committed and stays so: a count that cannot be forgotten now ends by itself."""
        with contextlib.suppress(Unavailable), _or_unavailable():
            self._redis.delete(_name(key)) if even_locked else self._forget(keys=[_name(key)],
                                                                            args=[_since_1970(call.now)])

    def rates(self):
        from limits.storage import RedisStorage
        return RedisStorage("redis://", self._redis.connection_pool, key_prefix="authservice:rate", wrap_exceptions=True)

    def checks(self):
        return {"counters": lambda: self._redis.ping() and "ok"}

    def close(self) -> None:
        self._redis.close()


@contextlib.contextmanager
def _or_unavailable():
    try:
        yield
    except RedisError as error:
        log.error("the counters in Redis do not answer (%s): what needs them is refused", type(error).__name__)
        raise Unavailable() from error


def _name(key: Key) -> str:
    subject, kind = key
    return f"authservice:{kind}:{subject.hex()}"


def _count(tries: str | int, locked_until: str | int | None) -> Count:
    end = int(locked_until or 0)
    return Count(int(tries), datetime.fromtimestamp(end / 1000, timezone.utc) if end else None)


def _since_1970(moment: datetime) -> int:
    return _milliseconds(moment - datetime(1970, 1, 1, tzinfo=timezone.utc))


def _milliseconds(duration: timedelta) -> int:
    return duration // timedelta(milliseconds=1)
