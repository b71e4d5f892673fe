"""Ids are the UUIDs that the standard library makes of the same bytes."""

import os
import uuid

from authservice.crypto import ids


def test_an_id_is_the_uuid_of_version_4_of_its_bytes():
    for random in (bytes(16), b"\xff" * 16, *(os.urandom(16) for _ in range(200))):
        assert ids.uuid4(random) == str(uuid.UUID(bytes=random, version=4))
